"""The fake GitHub itself: what breaks the contract is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.github.conftest import FakeGitHub


def test_a_request_that_breaks_the_contract_is_found(fake: FakeGitHub) -> None:
    from openapi_core.exceptions import OpenAPIError

    with pytest.raises(OpenAPIError):
        fake.client().post("/repos/acme/models/issues/7/comments", {"body": 1})


def test_an_answer_that_breaks_the_contract_is_found(fake: FakeGitHub) -> None:
    from openapi_core.exceptions import OpenAPIError

    fake.comment("someone", "x")
    del fake.comments[0]["html_url"]
    with pytest.raises(OpenAPIError):
        list(fake.client().pages("/repos/acme/models/issues/7/comments"))


def test_a_wrong_token_is_refused(fake: FakeGitHub) -> None:
    request = httpx.Request("GET", "https://api.github.com/user", headers={"authorization": "Bearer x"})
    assert fake.answer(request).status_code == 401
