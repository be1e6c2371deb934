"""All scenarios, in the order in which ports are given out: append, so that earlier ones keep theirs."""
import scenarios_attack
import scenarios_auth
import scenarios_keys
import scenarios_managers
import scenarios_plain
import scenarios_various

FIRST_PORT = 50000


def table():
    all_of_them = []
    for number, part in enumerate((scenarios_plain, scenarios_auth, scenarios_attack, scenarios_various, scenarios_keys,
                                  scenarios_managers)):
        for index, s in enumerate(part.SCENARIOS):
            s.port = FIRST_PORT + 100 * number + index
            for listener in s.listeners:
                listener["port"] = s.port
            all_of_them.append(s)
    names = [s.name for s in all_of_them]
    assert len(set(names)) == len(names), "two scenarios of one name"
    return all_of_them
