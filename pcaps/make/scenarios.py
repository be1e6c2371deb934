"""All scenarios, in the order in which ports are given out: append, so that earlier ones keep theirs."""
import scenarios_allow
import scenarios_attack
import scenarios_auth
import scenarios_callbacks
import scenarios_keys
import scenarios_managers
import scenarios_plain
import scenarios_various

FIRST_PORT = 50000
# Each with a hundred ports of its own.
PARTS = ((0, scenarios_plain), (1, scenarios_auth), (2, scenarios_attack), (3, scenarios_various),
         (4, scenarios_keys), (5, scenarios_managers), (6, scenarios_allow), (7, scenarios_callbacks))


def table():
    all_of_them = []
    for number, part in PARTS:
        for index, s in enumerate(part.SCENARIOS):
            s.port = FIRST_PORT + 100 * number + (index if s.place is None else s.place)
            for listener in s.listeners:
                listener["port"] = s.port
            all_of_them.append(s)
    names = [s.name for s in all_of_them]
    assert len(set(names)) == len(names), "two scenarios of one name"
    return all_of_them
