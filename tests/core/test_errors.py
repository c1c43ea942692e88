import inspect
import re

from core import errors


def test_the_docstring_draws_the_tree_as_it_is():
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__))
    classes = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert drawn == classes - {"HeadwaterError"}


def test_every_error_says_whether_trying_again_helps():
    leaves = [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if cls not in (errors.HeadwaterError, errors.TransientError, errors.PermanentError)
    ]
    assert all(issubclass(leaf, errors.TransientError) != issubclass(leaf, errors.PermanentError) for leaf in leaves)
