"""Several processes behind a balancer that sends any request to any of them.

What Gradio keeps of a page (its queue, streams, `gr.State`) lives in one process: the one that
served the page first, which notes so in Redis (`claims`). Another process that gets a request of
that page hands it over (`handover`) on a private connection (`wire`) to the owner's `listener`,
where it passes the whole gate again. A process shows that it lives by a key that expires soon
(`presence`); when it does not live any more, the next request takes its pages over, what ran
there ends with a word to its page (`lost`), and nobody waits for its answer (`waiting`).

Nothing of it is active without Redis.
"""
