"""Model families whose goldens the scripts beside this folder write: one module each, found here.

A module may define

  MODELS     name of a case -> configuration object: small random models, for model_parity.py
  CONFIGS    model type -> (configuration, {name of a variant: case(...)}): spellings of config.json
             that all fit the same tensors, for config_parity.py; the first type draws the weights
  GRADIENTS  names of MODELS whose gradients are kept, for gradient_parity.py

Goldens of a module's CONFIGS are called like the module.
"""

import importlib
from pathlib import Path

MODEL_VOCAB = 67
CONFIG_VOCAB = 61


def case(change, *remarks, cached=True):
    """Keys that differ from the base, the remarks that the reader makes, and whether the variant
    can be decoded from a cache."""
    return change, list(remarks), cached


def rope(**parameters):
    return {"rope_parameters": {"rope_theta": 10000.0} | parameters}


def modules() -> dict:
    """By name: those of this folder that are there, sorted."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return {name: importlib.import_module(f"families.{name}") for name in names}


def all_models() -> dict:
    cases = {}
    for module in modules().values():
        cases |= getattr(module, "MODELS", {})
    return cases


def all_gradients() -> list:
    return [name for module in modules().values() for name in getattr(module, "GRADIENTS", [])]


def all_configs() -> dict:
    found = {name: getattr(module, "CONFIGS", None) for name, module in modules().items()}
    return {name: configs for name, configs in found.items() if configs}
