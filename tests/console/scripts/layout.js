/** No page is wider than its window; what is touched is 44 px or more. */
() => {
  const TOUCHED = "button, a[href], input, select, textarea, summary, [role=tab]";
  const WITHIN_TEXT = "p a, li a, .skip, .inline";
  const faults = [];
  const { scrollWidth } = document.scrollingElement;
  if (scrollWidth > innerWidth) {
    faults.push(`scrolls sideways: ${scrollWidth} > ${innerWidth}`);
    for (const element of document.querySelectorAll("main *")) {
      const { right } = element.getBoundingClientRect();
      if (right > innerWidth + 1) faults.push(`  ${element.outerHTML.slice(0, 120)}`);
      if (faults.length > 6) break;
    }
  }
  for (const element of document.querySelectorAll(TOUCHED)) {
    const isSeen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!isSeen || element.matches(WITHIN_TEXT)) continue;
    const isBox = element.matches("input[type=checkbox], input[type=radio]");
    const touched = (isBox && element.closest("label")) || element;
    const { width, height } = touched.getBoundingClientRect();
    if (width >= 43.5 && height >= 43.5) continue;
    const size = `${width.toFixed()} x ${height.toFixed()} px`;
    faults.push(`too small to touch, ${size}: ${element.outerHTML.slice(0, 120)}`);
  }
  return faults;
}
