"""Single sign-on with an OpenID Connect provider, set up in the environment alone.

allauth does the protocol. Here is what it leaves open: the nonce, a provider that is down or talks
nonsense, and what an organisation decides (who may join, who is linked, which groups).
"""
