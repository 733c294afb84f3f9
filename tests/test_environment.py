import numpy as np

from bbvi.environment import environment


def test_environment_names_versions_and_blas():
    found = environment()
    assert found["versions"]["numpy"] == np.__version__
    assert found["blas"][0]["version"]
