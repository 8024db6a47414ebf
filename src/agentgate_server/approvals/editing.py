"""Editing: what a person makes of a request's arguments, as its tool takes them.

An edit says what changes; all else stays as it was asked. So nobody writes anew what is hidden from
them, and defaults that were filled in are filled in again, for the arguments that there are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas import arguments
from agentgate_proto.records.edit import Edit, EditTerms, changed_names
from agentgate_proto.records.filling import filled_places, without
from agentgate_proto.records.request import Record
from agentgate_server.errors import ArgumentError
from agentgate_server.policy import person_sees
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool

encode = msgspec.json.Encoder().encode


class Editor:
    """Makes edits.

    Args:
        catalogue: the tools; they know what fits them.
        masker: hides from the agent what people put into arguments and is not for it.
        limits: how large arguments may be.
    """

    def __init__(self, catalogue: Catalogue, masker: Masker, limits: LedgerLimits) -> None:
        self.catalogue = catalogue
        self.masker = masker
        self.limits = limits

    def edited(self, record: Record, terms: EditTerms) -> Edit | None:
        """Return what a person makes of a request that waits; None: the same as was asked.

        Args:
            record: the request.
            terms: what is to be changed.

        Raises:
            ValueError: that can't be asked of the tool; the text is for the person.
        """
        tool = self.catalogue.get(record.tool)
        tool = tool.as_asked(record.definition) if tool is not None else None
        if tool is None:
            raise ValueError("its tool is another one by now, or gone: deny it")
        if MASK in encode(terms.set).decode():
            raise ValueError(
                f"what is set holds {MASK}, which stands for something that is hidden from you: "
                "leave that argument as it is, or write all of it"
            )
        asked: dict[str, Any] = msgspec.json.decode(record.args)
        written = changed(without(asked, record.filled or ()), asked, terms)
        bound = self._bound(tool, written)
        got = written if bound is None else bound
        args = canonical_args(got)
        digest, identity = digest_of(tool.name, args), digest_of(tool.name, canonical_args(written))
        if digest == record.digest:
            return None
        with CallInProgress(tool.name, asked):
            told = self.masker.made(args)
        return Edit(
            args=msgspec.Raw(args),
            signature=person_sees(tool.name, got),
            digest=digest,
            written=identity if identity != digest else "",
            filled=() if bound is None else filled_places(written, bound),
            changed=changed_names(asked, msgspec.json.decode(args)),
            told=msgspec.UNSET if told == args else msgspec.Raw(told),
        )

    def _bound(self, tool: Tool, written: dict[str, Any]) -> Mapping[str, Any] | None:
        """Return what the tool gets for arguments, as for those that an agent sends."""
        self._check_size(tool, written)
        try:
            bound = tool.bound(written)
        except ArgumentError as error:
            raise ValueError(str(error)) from None
        if bound is not None:
            self._check_size(tool, bound)
        return bound

    def _check_size(self, tool: Tool, args: Mapping[str, Any]) -> None:
        given = tool.args_bytes_max
        objection = arguments.objection_to(
            args,
            len(encode(args)),
            tool=tool.name,
            bytes_max=self.limits.args_bytes_max if given is None else given,
            values_max=self.limits.args_values_max,
        )
        if objection:
            raise ValueError(objection)


def changed(written: dict[str, Any], asked: Mapping[str, Any], terms: EditTerms) -> dict[str, Any]:
    """Return arguments with what a person changes in them.

    Args:
        written: as the agent has written them.
        asked: as the tool would get them, and people see them.
        terms: the change.

    Raises:
        ValueError: there is no argument of a name that is to be left out.
    """
    for name in terms.unset:
        if name not in asked:
            raise ValueError(f"it has no argument {name[:200]!r} that could be left out")
    kept = {name: value for name, value in written.items() if name not in terms.unset}
    return kept | terms.set
