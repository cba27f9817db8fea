"""A workspace keeps somebody who administers it and can sign in, whoever acts on the last two at once."""

from __future__ import annotations

from typing import Final

from django.db import connection

from audit.actor import Actor
from people import errors
from people.models import Person, Workspace
from people.sql import HOLDS

#: How many others administer the workspace, may act, and have a way in: a password, or they came before.
_OTHERS: Final = f"""
SELECT count(*)
  FROM people_person p JOIN people_user u ON u.id = p.user_id
 WHERE p.workspace_id = %(workspace)s AND p.id <> %(person)s AND p.active AND u.is_active
   AND (u.password NOT LIKE '!%%' OR u.last_login IS NOT NULL)
   AND {HOLDS.format(user="u.id", workspace="p.workspace_id", permission="administer")}
"""
_IS_ONE: Final = f"""
SELECT 1 FROM people_person p
 WHERE p.id = %(person)s AND p.active
   AND {HOLDS.format(user="p.user_id", workspace="p.workspace_id", permission="administer")}
"""


def keep_one(*, actor: Actor, person: Person) -> None:
    """Refuse what would leave a workspace without an administrator, in the caller's transaction.

    Call it before anything else is locked: who does the same to another waits until this commits, and
    then counts again.  An operator may: whoever has the machine makes another one.

    Args:
        person: who is to administer no more, or not to act at all.

    Raises:
        LastAdministrator: nobody else is left who can sign in.
    """
    Workspace.objects.select_for_update(no_key=True).get(id=person.workspace_id)
    if actor.kind == "operator":
        return
    values = {"workspace": person.workspace_id, "person": person.id}
    with connection.cursor() as cursor:
        cursor.execute(_IS_ONE, values)
        if cursor.fetchone() is None:
            return
        cursor.execute(_OTHERS, values)
        (others,) = cursor.fetchone()
    if not others:
        raise errors.LastAdministrator(email=person.user.email)
