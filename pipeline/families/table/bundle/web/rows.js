// Predict from rows of a table, as pipeline/families/table/bundle/reader.py does.

export class RowError extends Error {}

const DAY = 86_400_000;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const UNIT = "[$€£¥₹%]?";
const BLANKS = "[ \\u00a0\\u202f]*";

const EXAMPLES = {
  year_first: "2013-12-31",
  day_first: "31/12/2013, day first",
  month_first: "12/31/2013, month first",
  unix: "1388448000, seconds since 1970",
};

const PARTS = {
  year: (date) => date.getUTCFullYear(),
  month: (date) => date.getUTCMonth() + 1,
  day: (date) => date.getUTCDate(),
  weekday: (date) => (date.getUTCDay() + 6) % 7,
  day_of_year: (date) => dayOfYear(date),
  week: weekOf,
  hour: (date) => date.getUTCHours(),
  days: (date) => Math.floor(date.getTime() / DAY),
};

// Date.UTC would read years before 100 as years of the twentieth century.
function midnight(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

const dayOfYear = (date) =>
  Math.floor(date.getTime() / DAY) - Math.floor(midnight(date.getUTCFullYear(), 1, 1).getTime() / DAY) + 1;

// ISO 8601: a week belongs to the year that contains its Thursday.
function weekOf(date) {
  const days = date.getUTCDate() + 4 - (date.getUTCDay() || 7);
  return Math.ceil(dayOfYear(midnight(date.getUTCFullYear(), date.getUTCMonth() + 1, days)) / 7);
}

// As _number of the reader in Python: 1,234.5, € 3 and 45% are numbers; NaN for a text that is none.
function numberOf(text, decimal) {
  if (!(decimal === "," && text.includes("."))) {
    const plain = decimal === "," ? text.replaceAll(",", ".") : text;
    if (NUMBER.test(plain)) return Number(plain);
  }
  const [mark, grouping] = decimal === "." ? ["\\.", ","] : [",", "\\."];
  const grouped = `\\d{1,3}(?:[ \\u00a0\\u202f'’]\\d{3})+|\\d{1,3}(?:${grouping}\\d{3})+`;
  const number = `([+-]?)${BLANKS}${UNIT}${BLANKS}(\\d+|${grouped}|)((?:${mark}\\d*)?)`;
  const parts = new RegExp(`^${UNIT}${BLANKS}${number}${BLANKS}${UNIT}$`).exec(text);
  if (!parts || !/\d/.test(text)) return NaN;
  return Number(parts[1] + parts[2].replaceAll(/\D/g, "") + parts[3].replace(",", "."));
}

const TIME = "(?:[ T]+(\\d{1,2})(?::[0-5]\\d(?::[0-5]\\d(?:[.,]\\d+)?)?)? ?([AaPp][Mm])?(?: ?(?:[A-Z]{1,4}|[+-]\\d\\d(?::?\\d\\d)?))?)?";
const MONTH = "(?<month>\\d{1,2}|[A-Za-z]{3,9})";
const YEAR_FIRST = ["(?<year>\\d{4})[-/.](?<month>\\d{1,2})[-/.](?<day>\\d{1,2})", "(?<year>\\d{4})(?<month>\\d\\d)(?<day>\\d\\d)"];
const DATES = {
  year_first: YEAR_FIRST,
  day_first: [...YEAR_FIRST, `(?<day>\\d{1,2})[-/. ]{1,2}${MONTH}[-/., ]{1,2}(?<year>\\d{4}|\\d\\d)`],
  month_first: [...YEAR_FIRST, `${MONTH}[-/. ]{1,2}(?<day>\\d{1,2})[-/., ]{1,2}(?<year>\\d{4}|\\d\\d)`],
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

// As moment_of in cells.py: the date of a text, and its hour; null if it is not a date.
function momentOf(text, format) {
  if (format === "unix") {
    const found = /^(\d{9,10}|\d{12,13})(?:[.,]\d+)?$/.exec(text);
    if (!found) return null;
    const seconds = Math.floor(Number(found[1]) / (found[1].length <= 10 ? 1 : 1000));
    return new Date(Math.floor(seconds / 3600) * 3_600_000);
  }
  const found = DATES[format].map((date) => new RegExp(`^(?:${date}${TIME})$`).exec(text)).find((match) => match);
  if (!found) return null;
  let hour = Number(found[4] ?? 0);
  if (found[5]) {
    if (hour < 1 || hour > 12) return null;
    hour = (hour % 12) + (found[5].toLowerCase() === "pm" ? 12 : 0);
  }
  const { year, month, day } = found.groups;
  const number = /^\d/.test(month) ? Number(month) : MONTHS.indexOf(month.slice(0, 3).toLowerCase()) + 1;
  const century = year.length === 2 ? (Number(year) >= 69 ? 1900 : 2000) : 0;
  return dateOf(century + Number(year), number, Number(day), hour);
}

function dateOf(year, month, day, hour) {
  const date = midnight(year, month, day);
  if (!(year >= 1 && year <= 9999) || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23) return null;
  date.setUTCHours(hour);
  return date;
}

function momentOfRow(texts, format) {
  const whole = texts.map((text) => /^\s*([+-]?\d+)\s*$/.exec(text)?.[1] ?? NaN);
  const date = texts.length === 3 ? dateOf(...whole.map(Number), 0) : momentOf(texts[0], format);
  if (!date) throw new RowError(`Expected a date like ${EXAMPLES[format]}, received “${texts.join(" ")}”.`);
  return date;
}

// As plain_number in cells.py: NaN for a number with a unit, or with marks that group its digits.
function plainNumber(text, decimal) {
  const plain = new RegExp(`^[+-]?\\d+(${decimal === "." ? "\\." : decimal}\\d+)?$`).test(text.trim());
  return plain ? Number(text.replace(decimal, ".")) : NaN;
}

// As text_of in cells.py: a value has one spelling.
function spelled(value, decimal) {
  if (typeof value === "number") return String(value === 0 ? 0 : value).replace(".", decimal);
  const text = String(value).trim().normalize("NFC");
  const whole = new RegExp(`^([+-]?\\d+)${decimal === "." ? "\\." : decimal}0+$`).exec(text)?.[1] ?? text;
  const instant = whole.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/, "$1 $2");
  const day = /^(\d{4}-\d\d-\d\d) 00:00(:00(\.0+)?)?Z?$/.exec(instant)?.[1] ?? instant;
  if (/^(true|false)$/i.test(day)) return day.toLowerCase();
  return day === "-0" ? "0" : day;
}

// As aliases_of in cells.py: a column of truth values takes 1 and 0, too, and the reverse.
function codesOf(categories) {
  const codes = new Map(categories.map((category, index) => [category, index + 1]));
  for (const names of [{ true: "1", false: "0" }, { 1: "true", 0: "false" }]) {
    if (!categories.every((category) => Object.hasOwn(names, category))) continue;
    for (const category of categories) codes.set(names[category], codes.get(category));
  }
  return codes;
}

/** Predicts from rows: objects that map column names to texts; a missing value is null. */
export class Rows {
  constructor(networks, facts) {
    this.network = networks.network;
    this.facts = facts;
    this.missing = new Set(["", ...facts.missing.map((text) => spelled(text, facts.decimal))]);
    this.missingNumbers = new Set(facts.missing_numbers.map((text) => spelled(text, facts.decimal)));
    const absent = [...facts.missing, ...facts.missing_numbers].map((text) => plainNumber(text, facts.decimal));
    this.absent = new Set(absent.filter((number) => !Number.isNaN(number)));
    this.codes = facts.categorical.map((column) => codesOf(column.categories));
  }

  /** Return `{outputs: [{name, value}], unknown: [column]}`: the outputs, and the columns with an unknown category. */
  async predict(row) {
    const { inputs, unknown } = this.encoded(row);
    const { output } = await this.network.run(inputs);
    return { outputs: this.facts.outputs.map((name, index) => ({ name, value: output.values[index] })), unknown };
  }

  encoded(row) {
    const all = { ...row };
    for (const calendar of this.facts.calendars) {
      const texts = calendar.columns.map((name) => this.text(row[name]));
      const moment = texts.includes(null) ? null : momentOfRow(texts, calendar.format);
      for (const part of calendar.parts) all[`${calendar.name}_${part}`] = moment && PARTS[part](moment);
    }
    const unknown = [];
    const codes = this.facts.categorical.map((column, index) => {
      const text = this.text(all[column.name]);
      const code = text === null ? 0 : this.codes[index].get(text) ?? 0;
      if (text !== null && !code) unknown.push(column.name);
      return code;
    });
    for (const cross of this.facts.crosses ?? []) codes.push(cross.known[cross.columns.map((column) => codes[column]).join(" ")] ?? 0);
    const numbers = this.facts.numeric.map((column) => (this.number(all[column.name], column.name) - column.mean) / column.std);
    const inputs = { categorical: { values: codes, shape: [1, codes.length] }, numeric: { values: numbers, shape: [1, numbers.length] } };
    return { inputs, unknown };
  }

  text(value) {
    const text = value === undefined || value === null ? null : spelled(value, this.facts.decimal);
    return text === null || this.missing.has(text) ? null : text;
  }

  number(value, name) {
    const text = this.text(value);
    if (text === null || this.missingNumbers.has(text)) return NaN;
    if (/^[+-]?(inf(inity)?|nan)$/i.test(text)) return NaN;
    const number = numberOf(text, this.facts.decimal);
    if (Number.isNaN(number)) throw new RowError(`${name}: expected a number, received “${text}”.`);
    return Number.isFinite(number) && !this.absent.has(number) ? number : NaN;
  }
}
