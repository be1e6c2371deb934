"""Traffic to learn an allow list from, and traffic on the same ports that leaves it."""
from scenario import RAN, alert, executes, keyed, manager, unknown

OFFICE, LISTENER = 0, 1  # places of the ports


def at(place, scenario):
    scenario.place = place
    return scenario


def office(name, story, tours, place=OFFICE, **more):
    return at(place, manager(name, story, "3.13", "3.13", tours, "office", **more))


def listener(name, story, sent, alerts=(), place=LISTENER, answer="result", **more):
    steps = [["send", one] for one in sent] if isinstance(sent[0], str) else sent
    return at(place, keyed(name, story, "3.12", "3.13", [["recv"]] * len(steps) + [["send", answer]], steps + [["recv"]],
                           list(alerts), **more))


SCENARIOS = [
    office("allow-office-good", "A BaseManager's ordinary day: two tours, a user's class for an argument.",
           ["office", "measure"], alerts=unknown("shapes.Circle")),
    listener("allow-listener-good", "A Listener's ordinary day: plain objects, a date, a user's class.",
             ["plain", "std-basic", "circle"], unknown("shapes.Circle")),
    office("allow-office-asked", "The same manager is asked what it holds, and for a method that is not exposed.",
           ["office", "recon", "unexposed"], alerts=[alert("manager.recon", count=3), alert("manager.forbidden-call")]),
    office("allow-office-attacked", "The same manager, and an exploit for a method's argument.", ["office", "argument"],
           alerts=RAN, victim="server", executes=True),
    listener("allow-listener-other-types", "The same Listener gets types of the standard library that it never got.",
             ["plain", "regex", "errors"]),
    listener("allow-listener-other-class", "The same Listener gets another class of the user's.", ["plain", "square"],
             unknown("shapes.square")),
    listener("allow-listener-answers", "The same Listener sends back what only its clients sent.", ["plain"],
             unknown("shapes.Circle", by="server"), answer="circle"),
    listener("allow-listener-attacked", "The same Listener, and an exploit.",
             [["send", "plain"], ["frame", "exploit:posix-system", 4]], [executes("posix.system")], victim="server",
             executes=True),
]
