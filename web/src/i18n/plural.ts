// Plurals by the rules of a language (CLDR, which browsers carry).
const rules = new Map<string, Intl.PluralRules>()

/** The form for a number; `#` in it is the number as the language writes it. */
export function plural(language: string, n: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }): string {
  let rule = rules.get(language)
  if (!rule) rules.set(language, (rule = new Intl.PluralRules(language)))
  return (forms[rule.select(n)] ?? forms.other).replace("#", n.toLocaleString(language))
}
