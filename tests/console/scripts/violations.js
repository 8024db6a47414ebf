/** What axe has against the page as it is now: a rule a line, then the elements. */
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => {
    const lines = nodes.slice(0, 5).map(({ target, html, any, all, none }) => {
      const why = [...any, ...all, ...none].map(({ message }) => message).join("; ");
      return `  ${target.join(" ")} ${html.slice(0, 160)}\n    ${why}`;
    });
    return [`${id}: ${help}`, ...lines].join("\n");
  });
}
