"""The tests of ../breast_cancer, every one of them, run on the model of this folder."""

from test_model import *  # noqa: F403 -- a test left out here would leave a behaviour unchecked
