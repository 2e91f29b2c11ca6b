# For caldav.sh: one thing done by python3-caldav, as USER, in a calendar whose
# address holds NAME.  What it finds is printed; a refusal is one word.
import sys
from datetime import datetime, timedelta

import caldav
from caldav.lib import error

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//home.test//EN
BEGIN:VEVENT
UID:%s
DTSTAMP:20260101T000000Z
DTSTART:%s
DURATION:PT2H
SUMMARY:%s
END:VEVENT
END:VCALENDAR
"""


def day(text):
    return datetime.strptime(text, "%Y-%m-%d")


def act(verb, calendar, args):
    if verb == "put":  # UID START SUMMARY
        calendar.save_event(EVENT % tuple(args))
    elif verb == "change":  # UID FROM TO
        event = calendar.event_by_uid(args[0])
        event.data = event.data.replace(args[1], args[2])
        event.save()
    elif verb == "delete":  # UID
        calendar.event_by_uid(args[0]).delete()
    elif verb == "on":  # DAY
        found = calendar.date_search(
            start=day(args[0]), end=day(args[0]) + timedelta(days=1),
            expand=False)
        print(" ".join(sorted(
            e.vobject_instance.vevent.summary.value for e in found)))
    elif verb == "token":
        print(calendar.objects_by_sync_token().sync_token)
    elif verb == "since":  # TOKEN
        for one in calendar.objects_by_sync_token(args[0]):
            print(one.url.path)


def main():
    url, user, password, name, verb = sys.argv[1:6]
    try:
        principal = caldav.DAVClient(
            url, username=user, password=password).principal()
        calendars = principal.calendars()
    except error.AuthorizationError:
        print("unknown")
        return
    if verb == "list":
        print(" ".join(sorted(c.url.path for c in calendars)))
        return
    calendar = [c for c in calendars if name in c.url.path][0]
    try:
        act(verb, calendar, sys.argv[6:])
    except error.AuthorizationError:
        print("denied")


main()
