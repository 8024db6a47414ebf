"""Passkeys in a real browser, with the browser's own virtual authenticator (WebAuthn, CDP)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, CDPSession, Page, expect
from tests.console.hands import asked, card, expect_nothing_waits, press
from tests.console.house import OWNER_TOKEN, POLICY, House
from tests.console.watched import Watched

SIGNED = {"pattern": "write_note*", "action": "ask", "approval": {"passkey": True}}

NOT_TAKEN = r"status of 40[01] .*/console/api/(me|passkeys/login)"
"""What Chromium says of a call of ours that is to be refused."""

DECIDE = """async ([id, other]) => {
  const { gateway } = document.querySelector("approval-card");
  const { sign } = await import("./passkeys.js");
  const challenge = await gateway.call("approval_challenge", { id, decision: "approve" });
  const passkey = await sign(challenge);
  const said = (id) => gateway.call("decide_approval", { id, decision: "approve", passkey })
    .then((view) => view.status, (error) => error.code);
  return [await said(other), await said(id), await said(id)];
}"""
"""Sign one answer, and bring it for another approval first."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(Path(tmp_path_factory.mktemp("signed")))
    policy = {**POLICY, "rules": [*POLICY["rules"], SIGNED]}
    (house.folder / "permissions.yaml").write_text(yaml.safe_dump(policy))
    with house:
        yield house
        house.end_agents()


class Phone:
    """The virtual authenticator of a page, which says that it has verified the person."""

    def __init__(self, page: Page) -> None:
        self.devtools: CDPSession = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id: str = made["authenticatorId"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def put(self, credential: dict[str, Any]) -> None:
        """Give it a passkey, in the place of the one that it has."""
        self.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})
        made = {"authenticatorId": self.id, "credential": credential}
        self.devtools.send("WebAuthn.addCredential", made)

    def verifies(self, *, who: bool) -> None:
        """Whether it recognises the person from now on."""
        said = {"authenticatorId": self.id, "isUserVerified": who}
        self.devtools.send("WebAuthn.setUserVerified", said)


@pytest.fixture
def eyes(browser: Browser, house: House) -> Iterator[Watched]:
    watched = Watched(browser, house)
    yield watched
    watched.close()
    for row in house.approvals():
        house.decide(row["id"], "deny")
    house.end_agents()


def with_passkey(eyes: Watched) -> tuple[Page, Phone]:
    """The owner's page, and the passkey that they have just made at it."""
    page = eyes.open("agents/passkeys", token=OWNER_TOKEN)
    phone = Phone(page)
    page.get_by_label("What you call it").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("may log in and approve now").first).to_be_visible()
    assert len(phone.credentials) == 1
    return page, phone


def test_a_passkey_is_made_and_logs_in_without_a_token(house: House, eyes: Watched) -> None:
    page, _ = with_passkey(eyes)
    expect(page.get_by_role("main")).to_contain_text("My phone of owner")
    page.evaluate(
        "fetch('/console/api/logout', {method: 'POST', body: '{}', "
        "headers: {'content-type': 'application/json'}})"
    )
    eyes.context.clear_cookies()
    page.goto("/console/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages").get_by_text("owner")).to_be_visible()


def test_a_yes_that_must_be_signed_is_signed_from_the_card(house: House, eyes: Watched) -> None:
    page, phone = with_passkey(eyes)
    asked(house, "write_note", text="signed")
    page.goto("/console/#/inbox")
    press(page, "Approve with a passkey")
    assert house.agents[-1].wait() == ["it hangs there"]
    expect_nothing_waits(page)
    assert phone.credentials[0]["signCount"] >= 1


def test_who_is_not_recognised_signs_nothing(house: House, eyes: Watched) -> None:
    page, phone = with_passkey(eyes)
    asked(house, "write_note", text="somebody else")
    page.goto("/console/#/inbox")
    phone.verifies(who=False)
    press(page, "Approve with a passkey")
    expect(card(page).get_by_text("Nothing was signed")).to_be_visible()
    assert house.approvals()
    assert house.starts()["write_note", "somebody else"] == 0


def test_what_was_signed_is_good_once_and_for_nothing_else(house: House, eyes: Watched) -> None:
    page, _ = with_passkey(eyes)
    first = asked(house, "write_note", text="one")
    house.agent().ask("write_note", text="two")
    rows = house.wait_for_approvals(2)
    other = next(row["id"] for row in rows if row["id"] != first["id"])
    page.goto("/console/#/inbox")
    card(page).get_by_role("button", name="Deny").wait_for()
    assert page.evaluate(DECIDE, [first["id"], other]) == [-32019, -32019, -32019]
    assert page.evaluate(DECIDE, [first["id"], first["id"]]) == ["approved", -32009, -32009]


def test_a_copy_of_an_authenticator_is_told(house: House, eyes: Watched) -> None:
    page, phone = with_passkey(eyes)
    (before,) = phone.credentials
    asked(house, "write_note", text="counted")
    page.goto("/console/#/inbox")
    press(page, "Approve with a passkey")
    house.agents[-1].wait()
    phone.put({**before, "signCount": 0})
    asked(house, "write_note", text="copied")
    press(page, "Approve with a passkey")
    expect(card(page).get_by_text("there may be a copy of it")).to_be_visible()
    assert house.starts()["write_note", "copied"] == 0
