"""Pieces of SQL over this folder's tables, for statements composed above it.

What makes somebody eligible is said here once: an active person of an active user, with a membership
that is valid at this very moment by the database's clock.
"""

from __future__ import annotations

#: The name to show of a joined ``people_user``: ``PERSON_NAME.format(user="u")``.
PERSON_NAME = "coalesce(nullif({user}.name, ''), {user}.email)"

#: The name of the person with this id, as a sub-select: ``NAME_OF.format(person="r.claimed_by_id")``.
NAME_OF = f"""
    (SELECT {PERSON_NAME.format(user="nu")} FROM people_person np JOIN people_user nu ON nu.id = np.user_id
      WHERE np.id = {{person}})
"""

#: Memberships that count now, joined as ``m`` (membership), ``mp`` (person), ``mu`` (user).
VALID_MEMBERSHIPS = """
    people_membership m
    JOIN people_person mp ON mp.id = m.person_id AND mp.active
    JOIN people_user mu ON mu.id = mp.user_id AND mu.is_active
"""

#: The condition that goes with `VALID_MEMBERSHIPS`.
MEMBERSHIP_IS_VALID = """
    m.valid_from <= clock_timestamp() AND (m.valid_until IS NULL OR m.valid_until > clock_timestamp())
"""

#: The ids of the roles that person ``%(person)s`` holds now.
ROLES_OF_PERSON = f"""
    ARRAY(SELECT m.role_id FROM {VALID_MEMBERSHIPS}
           WHERE m.person_id = %(person)s AND {MEMBERSHIP_IS_VALID})
"""

#: All roles of a workspace as ``{name: [id, title, eligible]}``, where ``eligible`` counts the people
#: who could decide now, one person left out: ``ROLES_NOW.format(workspace="w.id", excluded="o.id")``.
ROLES_NOW = f"""
    (SELECT json_object_agg(ro.name, json_build_array(ro.id, ro.title,
                (SELECT count(DISTINCT m.person_id) FROM {VALID_MEMBERSHIPS}
                  WHERE m.role_id = ro.id AND m.person_id <> {{excluded}} AND {MEMBERSHIP_IS_VALID})))
       FROM people_role ro WHERE ro.workspace_id = {{workspace}})
"""

#: Whether a joined person and user may act at all: ``PERSON_IS_ACTIVE.format(person="o", user="ou")``.
PERSON_IS_ACTIVE = "({person}.active AND {user}.is_active)"
