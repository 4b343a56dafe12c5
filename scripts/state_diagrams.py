"""The state machines as Mermaid diagrams, from the tables that the code obeys."""

from pressroom.state.machines import MACHINES, Machine


def state_diagrams() -> str:
    """Markdown: a heading and a diagram for each machine. The first state of a table is where a document begins."""
    return "\n\n".join(f"### {name.capitalize()}\n\n{_diagram(machine)}" for name, machine in MACHINES.items())


def _diagram(machine: Machine) -> str:
    states = list(machine)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {states[0]}"]
    for state, following in machine.items():
        lines += [f"    {state} --> {target}" for target in states if target in following]
        if not following:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])
