"""Pieces of SQL over this folder's tables, for statements composed above it.

What makes somebody eligible is said here once: an active person of an active user, with a membership
that is valid at this very moment by the database's clock, or who stands in for such a one who is away.
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

#: Whether the person with this id may act at all, as a sub-select; null without one.
IS_ACTIVE = """
    (SELECT ap.active AND au.is_active FROM people_person ap JOIN people_user au ON au.id = ap.user_id
      WHERE ap.id = {person})
"""

#: Whether absence ``ab`` holds at this moment.
ABSENCE_HOLDS = """
    ab.begins_at <= clock_timestamp() AND ab.ends_at > clock_timestamp() AND ab.ended_at IS NULL
"""

#: Whether the person with this id is away at this moment.
IS_AWAY = f"""
    EXISTS (SELECT 1 FROM people_absence ab WHERE ab.person_id = {{person}} AND {ABSENCE_HOLDS})
"""

#: The seats of people who are away, joined as `VALID_MEMBERSHIPS` and ``ab`` (absence): who fills them
#: is ``ab.stand_in_id``.  The condition that goes with it is `SEAT_IS_FILLED`.
SEATS_OF_ABSENT = f"""
    {VALID_MEMBERSHIPS}
    JOIN people_absence ab ON ab.workspace_id = mp.workspace_id AND ab.person_id = mp.id
"""

#: The condition that goes with `SEATS_OF_ABSENT`: somebody who may act stands in, at this moment.
SEAT_IS_FILLED = f"""
    {MEMBERSHIP_IS_VALID} AND {ABSENCE_HOLDS} AND {IS_ACTIVE.format(person="ab.stand_in_id")}
"""

#: The ids of the roles that person ``%(person)s`` holds now.
OWN_ROLES = f"""
    ARRAY(SELECT m.role_id FROM {VALID_MEMBERSHIPS}
           WHERE m.person_id = %(person)s AND {MEMBERSHIP_IS_VALID})
"""

#: The same with the roles of those for whom they stand in now.
ROLES_OF_PERSON = f"""
    ({OWN_ROLES} || ARRAY(SELECT m.role_id FROM {SEATS_OF_ABSENT}
                           WHERE ab.stand_in_id = %(person)s AND {SEAT_IS_FILLED}))
"""

#: All roles of a workspace as ``{name: [id, title, eligible]}``, where ``eligible`` counts the people
#: who could decide now, some left out: ``ROLES_NOW.format(workspace="w.id", excluded="o.id, i.id")``.
ROLES_NOW = f"""
    (SELECT json_object_agg(ro.name, json_build_array(ro.id, ro.title,
                (SELECT count(DISTINCT m.person_id) FROM {VALID_MEMBERSHIPS}
                  WHERE m.role_id = ro.id AND m.person_id NOT IN ({{excluded}}) AND {MEMBERSHIP_IS_VALID})))
       FROM people_role ro WHERE ro.workspace_id = {{workspace}})
"""

#: The person with this id, held still until the transaction ends, and whether they may act at all; no
#: row where the id is null.
HOLD_PERSON = """
    SELECT hp.id, (hp.active AND hu.is_active) AS acts
      FROM people_person hp JOIN people_user hu ON hu.id = hp.user_id
     WHERE hp.id = {person}
       FOR SHARE OF hp
"""

#: Absences that hold now, with an active stand-in out of a sub-select, the first to begin first; held, with
#: the stand-in, until the transaction ends: ``HOLD_STANDING_IN.format(stand_ins="SELECT …")``.
HOLD_STANDING_IN = f"""
    SELECT ab.person_id, ab.stand_in_id, ab.begins_at, ab.ends_at
      FROM people_absence ab
      JOIN people_person sp ON sp.id = ab.stand_in_id AND sp.active
      JOIN people_user su ON su.id = sp.user_id AND su.is_active
     WHERE ab.workspace_id = %(workspace)s AND ab.stand_in_id IN ({{stand_ins}}) AND {ABSENCE_HOLDS}
     ORDER BY ab.begins_at, ab.id
       FOR SHARE OF ab, sp
"""

#: Whether a joined person and user may act at all: ``PERSON_IS_ACTIVE.format(person="o", user="ou")``.
PERSON_IS_ACTIVE = "({person}.active AND {user}.is_active)"

#: Holds people and their users still until the transaction ends, in one order; what was true of them
#: is read by the statement after it.
HOLD_PEOPLE = """
    SELECT hp.id
      FROM people_person hp JOIN people_user hu ON hu.id = hp.user_id
     WHERE hp.id = ANY(%(people)s)
     ORDER BY hu.id
       FOR SHARE OF hp, hu
"""

#: Whether user ``user`` holds a permission on a workspace, by themselves or by a group:
#: ``HOLDS.format(user="u.id", workspace="w.id", permission="view")``.
HOLDS = """
    (EXISTS (SELECT 1 FROM people_workspaceuserpermission held
               JOIN auth_permission perm ON perm.id = held.permission_id
              WHERE held.user_id = {user} AND held.content_object_id = {workspace}
                AND perm.codename = '{permission}')
     OR EXISTS (SELECT 1 FROM people_workspacegrouppermission held
                  JOIN people_user_groups g ON g.group_id = held.group_id AND g.user_id = {user}
                  JOIN auth_permission perm ON perm.id = held.permission_id
                 WHERE held.content_object_id = {workspace} AND perm.codename = '{permission}'))
"""

#: Those of these people who may act and administer the workspace.
ADMINISTRATORS = f"""
    SELECT ap.id
      FROM people_person ap
      JOIN people_user au ON au.id = ap.user_id
     WHERE ap.id = ANY(%(people)s) AND ap.workspace_id = %(workspace)s AND ap.active AND au.is_active
       AND {HOLDS.format(user="au.id", workspace="ap.workspace_id", permission="administer")}
"""

#: People of a workspace by address: ``email, id``.
PERSONS_OF = """
    SELECT u.email, p.id FROM people_person p JOIN people_user u ON u.id = p.user_id
     WHERE p.workspace_id = %(workspace)s AND u.email = ANY(%(emails)s)
"""

#: Everybody who may act and is in one of these roles, with the names of those roles.
MEMBERS_OF = f"""
    SELECT m.person_id, array_agg(DISTINCT mr.name ORDER BY mr.name)
      FROM {VALID_MEMBERSHIPS} JOIN people_role mr ON mr.id = m.role_id
     WHERE m.role_id = ANY(%(roles)s) AND {MEMBERSHIP_IS_VALID}
     GROUP BY m.person_id
"""

#: Those of these people of a workspace who may act: ``id, name``.
ACTIVE_NAMES = f"""
    SELECT p.id, {PERSON_NAME.format(user="u")}
      FROM people_person p JOIN people_user u ON u.id = p.user_id
     WHERE p.workspace_id = %(workspace)s AND p.id = ANY(%(people)s)
       AND {PERSON_IS_ACTIVE.format(person="p", user="u")}
"""

#: Roles by id: ``id, name, title``.
ROLES_BY_ID = "SELECT id, name, title FROM people_role WHERE id = ANY(%(roles)s) ORDER BY name"
