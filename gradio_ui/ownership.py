"""To whom it belongs what a request names.

A page's `session_hash` and an upload's id are drawn by the client: they belong to the session
that used them first, which the session store notes for all processes. Gradio's state lives in one
process, so each process also keeps, as long as it has any state of a page, whose it is: in steady
state nobody asks the store. An event's id says itself whose it is.

A user has a limited number of pages. Where it is reached, what Gradio keeps of the page that was
not used for longest goes, so that nobody's pages push out another user's.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from gradio_ui import event_ids
from gradio_ui.conf import Allowance, conf
from gradio_ui.names import Names
from sessionstate.claims import claim, renewal_due
from sessionstate.clock import timestamp
from sessionstate.threads import in_thread


class NotOwner(Exception):
    """A request names what belongs to somebody else."""


class TooMany(Exception):
    """One more is over a limit of the user's; says of what."""

    @property
    def sentence(self) -> str:
        text = gettext("You have too many %(things)s. Please try again in a moment.")
        return text % {"things": gettext(str(self))}


@dataclass(frozen=True, slots=True)
class Owner:
    session_id: str
    # What limits count by: the user, however many logins; or the visitor.
    user: str
    is_visitor: bool = False
    # Whether `@limit` counts none of their calls.
    is_exempt: bool = False

    @property
    def allowance(self) -> Allowance:
        return conf.visitor if self.is_visitor else conf.user


@dataclass(slots=True)
class _Page:
    owner: Owner
    claimed: float
    # Requests that name it at the moment, streams among them.
    open: int = 0
    ended: bool = False


class Pages:
    """Of one process, for all its apps; used on the event loop only."""

    def __init__(self, is_busy: Callable[[str], bool], forget: Callable[[str], None]) -> None:
        """`is_busy` tells whether events of a page are waiting or running, `forget` drops all
        that is kept of it."""
        self._is_busy = is_busy
        self._forget = forget
        self._pages: dict[str, _Page] = {}
        # By user, the one not used for longest first.
        self._of_user: dict[str, OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._pages)

    async def admit(self, names: Names, owner: Owner) -> None:
        """Returns if all that is named is, or becomes, the owner's; otherwise nothing changes.

        Raises `NotOwner`, `TooMany`, `StoreUnavailable`.
        """
        if not all(event_ids.belongs(name, owner.session_id) for name in names.event_ids):
            raise NotOwner
        claims = [f"upload:{name}" for name in names.upload_ids]
        for name in names.session_hashes:
            page = self._pages.get(name)
            if page is not None and page.owner.session_id != owner.session_id:
                raise NotOwner
            if event_ids.is_event_id(name):
                # A call without a page: its event is the page.
                if not event_ids.belongs(name, owner.session_id):
                    raise NotOwner
            elif page is None or renewal_due(page.claimed):
                claims.append(f"page:{name}")
            if page is None:
                self.make_room(owner)
        if claims and not await in_thread(_claim_all, claims, owner.session_id):
            raise NotOwner
        for name in names.session_hashes:
            self.add(name, owner)

    def add(self, name: str, owner: Owner) -> None:
        page = self._pages.get(name)
        if page is None:
            self._pages[name] = _Page(owner, timestamp())
        elif page.owner.session_id != owner.session_id:
            raise NotOwner
        elif renewal_due(page.claimed):
            page.claimed = timestamp()
        pages = self._of_user.setdefault(owner.user, OrderedDict())
        pages[name] = None
        pages.move_to_end(name)

    def make_room(self, owner: Owner) -> None:
        pages = self._of_user.get(owner.user, OrderedDict())
        if len(pages) < owner.allowance.pages:
            return
        for name in pages:
            if not self._pages[name].open and not self._is_busy(name):
                return self._drop(name)
        raise TooMany(_("pages in use"))

    @contextmanager
    def used(self, names: Names) -> Iterator[None]:
        # Of a call without a page its event is the page.
        calls = [name for name in names.event_ids if name in self._pages]
        named = dict.fromkeys((*names.session_hashes, *calls))
        pages = {name: self._pages[name] for name in named}
        for page in pages.values():
            page.open += 1
        try:
            yield
        finally:
            for name, page in pages.items():
                page.open -= 1
                if page.ended and not page.open:
                    self._drop(name)

    def end_session(self, session_id: str) -> None:
        """Its pages go, those that are open as soon as they are closed."""
        for name, page in list(self._pages.items()):
            if page.owner.session_id == session_id:
                page.ended = True
                if not page.open:
                    self._drop(name)

    def _drop(self, name: str) -> None:
        page = self._pages.pop(name, None)
        if page is not None:
            pages = self._of_user[page.owner.user]
            del pages[name]
            if not pages:
                del self._of_user[page.owner.user]
            self._forget(name)


def _claim_all(names: list[str], session_id: str) -> bool:
    return all(claim(name, session_id) for name in names)
