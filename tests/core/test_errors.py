"""The tree of errors: documented, with unique codes, and without values."""

import inspect

import pytest

from tokenward import TokenwardError, errors
from tokenward.jose.without_context import raise_without_context

CLASSES = [
    each
    for name, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, TokenwardError) and not name.startswith("_")
]


def test_every_error_has_a_unique_code():
    """No two errors have the same code."""
    codes = [each.code for each in CLASSES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_tree(kind):
    """The docstring of the module shows the whole tree."""
    assert kind.__name__ in errors.__doc__


def test_configuration_errors_are_value_errors():
    """Configuration errors are value errors, and no token error is one."""
    for kind in CLASSES:
        is_mistake = issubclass(kind, errors.ConfigurationError)
        assert issubclass(kind, ValueError) is is_mistake
        assert not (is_mistake and issubclass(kind, errors.TokenError))


def refuse_number(text):
    """Refuse a text that is not a number, as a parser of tokens would."""
    try:
        return int(text)
    except ValueError:
        raise_without_context(errors.MalformedTokenError())


def test_an_error_is_raised_without_the_handled_one():
    """The handled error is neither the cause nor the context of the raised one."""
    with pytest.raises(errors.MalformedTokenError) as caught:
        refuse_number("a part of a token")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_errors_do_not_mention_http():
    """Only `tokenward.http` knows statuses."""
    source = inspect.getsource(errors)
    assert not any(status in source for status in ("400", "401", "403", "422", "500", "503"))
