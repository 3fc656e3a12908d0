"""Which Gradio apps there are, and who may open them.

Any installed Django app may have a module `gradio_apps`. It is imported on first use, never in
`ready()`, because it usually imports Gradio. A module that cannot be imported is recorded with
its file and line, and the others go on.
"""

import logging
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import AppConfig
from django.apps import apps as installed
from django.dispatch import receiver
from django.utils.autoreload import BaseReloader, autoreload_started
from django.utils.module_loading import module_has_submodule

from gradio_ui import compat, limited, rates
from gradio_ui import csp as policies
from gradio_ui.csp import Sources
from gradio_ui.failures import Failure, located
from gradio_ui.rates import Limit
from gradio_ui.rules import Rule, group_names

if TYPE_CHECKING:
    import gradio
    from django.contrib.auth.models import AnonymousUser, User
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)

MODULE = "gradio_apps"
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 50

# What an app may say about how it is mounted. Everything that decides who reaches the app or
# what an error tells (auth, show_error, root_path ...) is decided by the mount, not by the app.
OPTIONS = frozenset(
    {
        "allowed_paths",
        "blocked_paths",
        "css",
        "css_paths",
        "footer_links",
        "head",
        "head_paths",
        "i18n",
        "js",
        "max_file_size",
        "queue",
        "theme",
    }
)

BuildT = TypeVar("BuildT", bound="Callable[[], gradio.Blocks]")


class RegistrationError(ValueError):
    """A @register that cannot stand: a bad slug, a slug taken elsewhere, an unknown option."""


@dataclass(frozen=True)
class AppSpec:
    slug: str
    title: "StrOrPromise"
    description: "StrOrPromise"
    icon: str
    groups: tuple[str, ...]
    staff: bool
    order: int
    build: "Callable[[], gradio.Blocks]"
    module: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # For the Content-Security-Policy of its pages.
    unsafe_eval: bool = False
    csp: Sources = field(default_factory=dict, repr=False)
    mcp: bool = False
    public: bool = False
    # Of each user, for all its functions together.
    limits: frozenset[Limit] = rates.NONE
    # Whether its pages have the bar of the site.
    bar: bool = True

    @property
    def name(self) -> str:
        return getattr(_function(self.build), "__qualname__", repr(self.build))

    @property
    def place(self) -> str:
        """File and line of the build function, for messages."""
        code = getattr(_function(self.build), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else self.module

    @cached_property
    def rule(self) -> Rule:
        refusal = "You may not use this app."
        return Rule(self.groups, staff=self.staff, public=self.public, refusal=refusal)

    def allows(self, user: "User | AnonymousUser", groups: Collection[str] | None = None) -> bool:
        """Whether this user may open the app. Asks the database for the user's groups unless
        they are given."""
        return self.rule.allows(user, groups)


def register(
    slug: str,
    *,
    title: "StrOrPromise" = "",
    description: "StrOrPromise" = "",
    icon: str = "",
    groups: Iterable[str] = (),
    staff: bool = False,
    public: bool = False,
    order: int = 100,
    limit: str = "",
    mcp: bool = False,
    bar: bool = True,
    unsafe_eval: bool = False,
    csp: Sources = MappingProxyType({}),
    **options: Any,
) -> Callable[[BuildT], BuildT]:
    """Serve what the decorated function builds, a `gr.Blocks`, at `/gradio/<slug>/`.

    `title` and `description` may be of `gettext_lazy`. `groups`: any one of them opens the app;
    none means every signed-in user. `staff`: staff only. `public`: also visitors without an
    account. `limit`: how often each user may call its functions, all together, such as "100/h"
    (see `gradio_ui.limit`). `mcp`: programs may call its functions as tools of an MCP server, at
    `/gradio/<slug>/gradio_api/mcp/`. `bar`: its pages have the bar of the site on top.
    `unsafe_eval`: its pages may run JavaScript from strings, which `gr.HTML` and native plots
    need. `csp`: sources by directive that its pages may load from besides this site, such as
    `{"img-src": ["https://tiles.example"]}`. `options` are passed to Gradio's mount (theme, css,
    head, js, allowed_paths, max_file_size ...); `queue` is a dict for `Blocks.queue()`.
    """
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        raise RegistrationError(
            f"{slug!r} cannot be a slug: up to {SLUG_LENGTH} of a-z, 0-9 and single hyphens."
        )
    if isinstance(groups, str):
        raise RegistrationError(f"groups of {slug!r} must be a list: groups=[{groups!r}].")
    if public and (staff or tuple(groups)):
        raise RegistrationError(f"{slug!r} is public, so it can be for neither groups nor staff.")
    if trouble := policies.trouble(csp):
        raise RegistrationError(f"csp of {slug!r} {trouble}")
    if unknown := options.keys() - OPTIONS:
        raise RegistrationError(
            f"{slug!r} has unknown options: {', '.join(sorted(unknown))}. "
            f"Known are {', '.join(sorted(OPTIONS))}."
        )
    limits = limited.of_app(slug, limit)

    def decorate(build: BuildT) -> BuildT:
        _registry.add(
            AppSpec(
                slug=slug,
                title=title or slug.replace("-", " ").capitalize(),
                description=description,
                icon=icon,
                groups=tuple(groups),
                staff=staff,
                public=public,
                limits=limits,
                order=order,
                build=build,
                module=_function(build).__module__,
                options=MappingProxyType(options),
                unsafe_eval=unsafe_eval,
                csp=csp,
                mcp=mcp,
                bar=bar,
            )
        )
        return build

    return decorate


class _Registry:
    def __init__(self) -> None:
        # Two locks: discovery imports modules, and an import in another thread may register
        # an app at any time; it must not wait for the discovery that waits for its import.
        self._discovery = threading.RLock()
        self._lock = threading.Lock()
        self._apps: dict[str, AppSpec] = {}
        self._failures: list[Failure] = []
        self._discovered = False

    def add(self, spec: AppSpec) -> None:
        with self._lock:
            known = self._apps.get(spec.slug)
            # The same function again is its module being reloaded.
            if known and (known.module, known.name) != (spec.module, spec.name):
                raise RegistrationError(
                    f"Two Gradio apps want the slug {spec.slug!r}: {known.place} and {spec.place}."
                )
            self._apps[spec.slug] = spec

    def fail(self, module: str, error: BaseException, slug: str = "", line: int = 0) -> Failure:
        failure = located(module, error, slug, line)
        with self._lock:
            self._failures.append(failure)
        logger.error("%s", failure, exc_info=error)
        return failure

    def apps(self) -> dict[str, AppSpec]:
        with self._discovery:
            if not self._discovered:
                self._discovered = True
                self._discover()
        return self._apps

    def failures(self) -> list[Failure]:
        self.apps()
        with self._lock:
            return list(self._failures)

    def reset(self, *, discovered: bool) -> None:
        with self._discovery, self._lock:
            self._apps.clear()
            self._failures.clear()
            self._discovered = discovered

    def _discover(self) -> None:
        names = [f"{config.name}.{MODULE}" for config in _with_module()]
        if names:
            compat.prepare()
        for name in names:
            before = set(self._apps)
            try:
                import_module(name)
            # SystemExit too: a module that ends in sys.exit() must not end the server.
            except (Exception, SystemExit) as error:
                # What it registered before it failed refers to half a module.
                with self._lock:
                    for slug in self._apps.keys() - before:
                        del self._apps[slug]
                self.fail(name, error)


def _function(build: Any) -> Any:
    """What a partial is of: one function may build several apps."""
    return build.func if isinstance(build, partial) else build


def _with_module() -> list[AppConfig]:
    return [
        config
        for config in installed.get_app_configs()
        if config.module is not None and module_has_submodule(config.module, MODULE)
    ]


@receiver(autoreload_started)
def _watch(sender: BaseReloader, **_: Any) -> None:
    """Django watches what has been imported; what failed on import is to be tried again too."""
    for config in _with_module():
        sender.watch_dir(config.path, "**/*.py")


_registry = _Registry()


def all_apps() -> list[AppSpec]:
    """Every app, in the order of the portal."""
    return sorted(_registry.apps().values(), key=lambda spec: (spec.order, spec.title, spec.slug))


def get(slug: str) -> AppSpec | None:
    return _registry.apps().get(slug)


def permitted(user: "User | AnonymousUser", groups: Collection[str] | None = None) -> list[AppSpec]:
    """The apps this user may open. One query at most, none with `groups`."""
    specs = all_apps()
    if groups is None:
        groups = group_names(user) if any(spec.groups for spec in specs) else frozenset()
    return [spec for spec in specs if spec.allows(user, groups)]


def failures() -> list[Failure]:
    return _registry.failures()


def record_failure(spec: AppSpec, error: BaseException) -> Failure:
    """Note that this app could not be built or started."""
    code = getattr(_function(spec.build), "__code__", None)
    return _registry.fail(spec.module, error, spec.slug, code.co_firstlineno if code else 0)


def reset(*, discovered: bool = False) -> None:
    """Forget everything, for tests. `discovered=True`: do not look for modules again."""
    _registry.reset(discovered=discovered)
