/** Compares what came with what a vector wants; see spec/vectors/README.md. */

const TYPES = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

export const show = (value) => JSON.stringify(value)?.slice(0, 300);

function operator(value) {
  const keys = TYPES.object(value) ? Object.keys(value) : [];
  return keys.length === 1 && keys[0].startsWith("$") ? keys[0] : "";
}

/** Put long texts in place of `$repeat`, and what is remembered in place of `$ref`. */
export function filled(value, bound = {}) {
  if (operator(value) === "$repeat") return value.$repeat[0].repeat(value.$repeat[1]);
  if (operator(value) === "$ref") return bound[value.$ref];
  if (Array.isArray(value)) return value.map((item) => filled(item, bound));
  if (!TYPES.object(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, bound)]));
}

/** Throw unless `got` fits; what `$bind` names is put into `bound`. */
export function compare(wanted, got, bound, at = "$") {
  const misfit = () => {
    throw new Error(`${at}: ${show(got)} instead of ${show(wanted)}`);
  };
  switch (operator(wanted)) {
    case "$bind":
      bound[wanted.$bind] = got;
      return;
    case "$ref":
      compare(bound[wanted.$ref], got, bound, at);
      return;
    case "$type":
      if (!TYPES[wanted.$type](got)) misfit();
      return;
    case "$unordered":
      if (!Array.isArray(got) || got.length !== wanted.$unordered.length) misfit();
      compareUnordered(wanted.$unordered, [...got], bound, at);
      return;
    case "$contains":
      if (typeof got !== "string" || !got.includes(wanted.$contains)) misfit();
      return;
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(got) || got.length !== wanted.length) misfit();
    wanted.forEach((item, index) => compare(item, got[index], bound, `${at}[${index}]`));
  } else if (TYPES.object(wanted)) {
    if (!TYPES.object(got)) misfit();
    for (const [name, item] of Object.entries(wanted)) {
      if (operator(item) === "$absent" ? name in got : !(name in got)) misfit();
      if (operator(item) !== "$absent") compare(item, got[name], bound, `${at}.${name}`);
    }
  } else if (wanted !== got) {
    misfit();
  }
}

/** Each of `wanted` must fit another one of `rest`. */
function compareUnordered(wanted, rest, bound, at) {
  for (const item of wanted) {
    const fits = (other) => {
      const attempt = { ...bound };
      try {
        compare(item, other, attempt, at);
      } catch {
        return false;
      }
      Object.assign(bound, attempt);
      return true;
    };
    const index = rest.findIndex(fits);
    if (index < 0) throw new Error(`${at}: nothing like ${show(item)} in ${show(rest)}`);
    rest.splice(index, 1);
  }
}
