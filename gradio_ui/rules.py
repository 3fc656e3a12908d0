"""Who may do something: the one rule behind the portal, the pages, the API and the events.

An app has a rule (`AppSpec.rule`), and a function may have some more, which the decorators of
`gradio_ui.roles` leave on it. Superusers pass every rule, and nobody else does who is not signed
in. Membership is looked up whenever it is asked for, so a change holds from the next call on.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, ngettext

from gradio_ui import marks

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from gradio.block_function import BlockFunction

# Attribute of a decorated function: its rules, all of which must hold.
RULES = "__gradio_ui_rules__"


@dataclass(frozen=True)
class Rule:
    """`groups`: any one of them will do. Without anything: everybody who is signed in; `public`:
    everybody."""

    groups: tuple[str, ...] = ()
    permission: str = ""
    staff: bool = False
    public: bool = False
    # In place of the sentence below.
    refusal: str = ""

    def allows(self, user: "User | AnonymousUser", groups: Collection[str] | None = None) -> bool:
        """Asks the database for the user's groups and permissions unless they are given or
        known."""
        if self.public:
            return True
        if not (user.is_active and user.is_authenticated):
            return False
        if user.is_superuser:
            return True
        if self.staff and not user.is_staff:
            return False
        if self.permission and not user.has_perm(self.permission):
            return False
        if not self.groups:
            return True
        return not set(self.groups).isdisjoint(group_names(user) if groups is None else groups)

    def __bool__(self) -> bool:
        """Whether it keeps anybody out who is signed in."""
        return bool(self.groups or self.permission or self.staff)

    def __str__(self) -> str:
        wanted = ["staff"] if self.staff else []
        if self.groups:
            wanted.append(f"{'group' if len(self.groups) == 1 else 'groups'} {_any(self.groups)}")
        if self.permission:
            wanted.append(f"permission {self.permission}")
        return " and ".join(wanted) or ("everybody" if self.public else "signed in")

    @property
    def sentence(self) -> str:
        """For the person who is kept out, in their language."""
        if self.refusal:
            return self.refusal
        if self.staff:
            return gettext("Only staff may do this.")
        if self.permission:
            text = gettext("You need the permission %(permission)s to do this.")
            return text % {"permission": self.permission}
        text = ngettext(
            "You need to be in the group %(groups)s to do this.",
            "You need to be in one of the groups %(groups)s to do this.",
            len(self.groups),
        )
        return text % {"groups": _any(self.groups, gettext("or"))}


Rules = frozenset[Rule]
NONE: Rules = frozenset()


def _any(names: Collection[str], word: str = "or") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def group_names(user: "User | AnonymousUser") -> frozenset[str]:
    if not user.is_authenticated:
        return frozenset()
    return frozenset(user.groups.values_list("name", flat=True))


class Denied(Exception):
    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.sentence)
        self.rule = rule


def nobodys_call(name: str | None, is_building: bool) -> Exception:
    if is_building:
        return TypeError(
            f"{name}() is not for everybody and cannot run while the app is built, where what it "
            "returns would be everybody's: no cache_examples=True with it, no value=."
        )
    return RuntimeError(
        f"{name}() is not for everybody, and this call is nobody's: its app must be served by "
        "gradio_ui (@register instead of launch()), and not in batches."
    )


def first_broken(
    rules: Iterable[Rule],
    user: "User | AnonymousUser",
    groups: Collection[str] | None = None,
) -> Rule | None:
    """A rule that keeps this user out, as the user was loaded. Blocks like `Rule.allows`."""
    if groups is None and any(rule.groups for rule in rules):
        groups = group_names(user)
    return next((rule for rule in rules if not rule.allows(user, groups)), None)


def of_event(block_fn: "BlockFunction") -> Rules:
    return of(block_fn.renderable.fn if block_fn.renderable else block_fn.fn)


def of(fn: Any) -> Rules:
    """The rules of a function. Of one that only calls a decorated one none is known; there the
    decorated one asks when it is called."""
    return marks.of(fn, RULES)
