"""The names of invented incidents, teams and people: a warehouse where a forklift leaks oil."""

from __future__ import annotations

MATTERS = (
    "Forklift {} leaks oil",
    "Forklift {} does not charge",
    "Dock door {} jams halfway up",
    "Conveyor {} stops without a fault",
    "Scanner {} loses its connection",
    "Rack {} is bent at the upright",
    "Fire door {} is blocked by pallets",
    "Sprinkler valve {} drips",
    "Label printer {} prints blank labels",
    "Cold room {} is above its limit",
    "Spill in aisle {}",
    "Emergency light {} is dark",
)
_AREAS = (
    "Warehouse",
    "Garage",
    "Facilities",
    "Dispatch",
    "Cold store",
    "Safety",
    "Returns",
    "Inbound",
    "Packing",
    "IT support",
    "Yard",
)


def _words(text: str) -> list[str]:
    return text.split()


_GIVEN = _words(
    "Nadia Omar Ines Tomas Yuki Amara Lena Piotr Sofia Kwame Mei Anton Leila Hugo Priya Jonas "
    "Zofia Mateo Aylin Ruben Tova Idris Clara Bashir Elena Niko Farah Oscar Dalia Emil Saanvi "
    "Marek Noor Felix Rosa Kenji Alma Viktor Hana Luca"
)
_FAMILY = _words(
    "Haddad Lind Duarte Novak Sato Okafor Berg Kowal Rossi Mensah Chen Weber Amini Martin Rao "
    "Keller Nowak Vargas Demir Costa Nyberg Diallo Fischer Karimi Petrova Saar Aziz Holm Nasser "
    "Lang Iyer Dvorak Rahman Wolf Silva Mori Ortega Ivanov Kim Moretti"
)


def team_name(number: int) -> str:
    """A name of its own for every number from 0."""
    return f"{_AREAS[number % len(_AREAS)]} {number // len(_AREAS) + 1}"


def person_name(number: int) -> str:
    """A name of its own for every number from 0 to 1,599."""
    return f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number // len(_GIVEN)]}"
