"""Sends `access_changed`, by looking at what Django writes to the tables that decide access.

Django's model signals would miss `QuerySet.update`, `bulk_update`, and what is written to the
tables between users and groups. Every statement of this process passes by here instead; what
another program writes does not, and counts once a snapshot is `ACCOUNTS_REREAD_AFTER` old.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Model
from django.db.models.signals import post_save

from . import access
from .signals import access_changed

_COMMENTS = r"(?:\s|\(|/\*.*?\*/|--[^\n]*\n)*"
_VERBS = "INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|WITH|COPY"
_WRITES = re.compile(rf"{_COMMENTS}({_VERBS})\b", re.I | re.S)
_QUOTE = '["`]'
_PLAIN = re.compile(rf"(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) {_QUOTE}(\w+){_QUOTE}")


class Watched:
    """The tables, by what their rows say about whom."""

    @cached_property
    def user(self) -> Any:  # a model class
        return get_user_model()

    @cached_property
    def links(self) -> dict[str, str]:
        """Table -> column of the user, for the tables that name the user of each row."""
        found = {self.user._meta.db_table: self.user._meta.pk.column}
        for model in self.through:
            for field in model._meta.local_fields:
                if field.related_model is self.user:
                    found[model._meta.db_table] = field.column
        return found

    @cached_property
    def through(self) -> list[Any]:
        """The tables between users, groups and permissions."""
        fields = [
            *(field for field in self.user._meta.many_to_many),
            *(field for field in Group._meta.many_to_many),
        ]
        return [
            field.remote_field.through
            for field in fields
            if field.remote_field.model in (Group, Permission)
        ]

    @cached_property
    def harmless(self) -> set[str]:
        """Columns of the user that decide nothing: `last_login` changes with every sign-in."""
        return {"last_login"} & {field.column for field in self.user._meta.local_fields}

    @cached_property
    def tables(self) -> set[str]:
        models = [self.user, Group, Permission, *self.through]
        return {model._meta.db_table for model in models}

    @cached_property
    def table(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, self.tables))
        return re.compile(rf"(?<!\w)({names})(?!\w)", re.I)

    def pk(self, value: Any) -> str:
        return str(self.user._meta.pk.to_python(value))


watched = Watched()


def whose(sql: str, params: Any) -> set[str | None]:
    """Ids of the users whose access a statement may change; `None` stands for anybody's."""
    if (plain := _PLAIN.match(sql)) and plain[1] not in watched.tables and ";" not in sql:
        return set()  # if it names what we watch, it only reads it
    if not (verb := _WRITES.match(sql)) or not (table := watched.table.search(sql)):
        return set()
    name, kind = table[1], verb[1].upper()
    if kind == "INSERT" and _is_new(sql, name):
        return set()
    if kind == "UPDATE" and name == watched.user._meta.db_table and _is_harmless(sql):
        return set()
    column = watched.links.get(name)
    if column is None or not isinstance(params, tuple | list):
        return {None}
    found: Sequence[Any] | None = None
    if kind == "INSERT" and name != watched.user._meta.db_table:
        found = _inserted(sql, column, params)
    elif kind in ("UPDATE", "DELETE"):
        found = _named(sql, name, column, params)
    return {None} if found is None else {watched.pk(value) for value in found}


def _is_new(sql: str, table: str) -> bool:
    """A new user, group or permission changes nobody's access before it is given to somebody."""
    new = {model._meta.db_table for model in (watched.user, Group, Permission)}
    return table in new and " SELECT " not in sql and " ON " not in sql


def _is_harmless(sql: str) -> bool:
    columns = re.findall(rf"{_QUOTE}(\w+){_QUOTE} = ", sql.partition(" WHERE ")[0])
    return bool(columns) and set(columns) <= watched.harmless


_PARAMETERS = r"%s(?:, %s)*"


def _inserted(sql: str, column: str, params: Sequence[Any]) -> Sequence[Any] | None:
    columns = re.search(r"\(([^)]*)\) (VALUES|SELECT \* FROM UNNEST)", sql)
    names = [name.strip('"`') for name in columns[1].split(", ")] if columns else []
    if columns is None or column not in names:
        return None
    place = names.index(column)
    if columns[2] == "VALUES":
        row = rf"\({_PARAMETERS}\)"
        plain = re.match(rf" {row}(, {row})*(?! *,)", sql[columns.end() :])
        return params[place :: len(names)] if plain and not len(params) % len(names) else None
    return params[place] if len(params) == len(names) else None


def _named(sql: str, table: str, column: str, params: Sequence[Any]) -> Sequence[Any] | None:
    """The users of `WHERE ... column = %s` or `IN (%s, ...)`, with nothing but AND beside it."""
    start, _, where = sql.partition(" WHERE ")
    if not where or re.search(r"\b(OR|NOT|XOR|SELECT|CASE|RETURNING)\b|%%", where) or "%%" in start:
        return None
    place = rf"{_QUOTE}{re.escape(table)}{_QUOTE}\.{_QUOTE}{re.escape(column)}{_QUOTE}"
    found = re.search(rf"{place} (?:= (%s)(?!\w)|IN \(({_PARAMETERS})\))", where)
    if found is None or sql.count("%s") != len(params):
        return None
    first = start.count("%s") + where[: found.start()].count("%s")
    return params[first : first + found[0].count("%s")]


def _watch(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    result = execute(sql, params, many, context)
    text = sql if isinstance(sql, str) else str(sql)
    # The shape of nearly all statements, told without a search.
    if text[:6] == "SELECT":
        return result
    if text[:6] in ("UPDATE", "DELETE") and context["cursor"].rowcount == 0:
        return result
    if ids := whose(text, None if many else params):
        connection: BaseDatabaseWrapper = context["connection"]
        for user_id in ids:
            connection.on_commit(partial(changed, user_id))
    return result


def changed(user_id: str | None) -> None:
    access.changed(user_id)
    access_changed.send_robust(watched.user, user_id=user_id)


def _install(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def _linked(*, instance: Model, using: str, **_: Any) -> None:
    """SQLite commits an INSERT that returns something only once that has been read."""
    for user_id in _users_of(instance):
        transaction.on_commit(partial(changed, user_id), using=using)


def _users_of(link: Model) -> Iterator[str | None]:
    column = watched.links.get(link._meta.db_table)
    fields = [field for field in link._meta.local_fields if field.column == column]
    yield watched.pk(getattr(link, fields[0].attname)) if fields else None


def watch() -> None:
    """Called once, when the apps are ready."""
    connection_created.connect(_install, dispatch_uid=__name__)
    for connection in connections.all(initialized_only=True):
        _install(connection=connection)
    for model in watched.through:
        post_save.connect(_linked, sender=model, dispatch_uid=(__name__, model._meta.label))
