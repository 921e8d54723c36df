"""Find, plan and track rooftop photovoltaics on a city's industrial parks."""

from typing import Final

__version__: Final = "0.1.0"
