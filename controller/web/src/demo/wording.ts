/** What the page says of probabilities and scores. */
import { type Guess, type Head, type Model, predictPath } from './api'

/** `54 %`, of a probability. */
export function percent(probability: number): string {
  const rounded = Math.round(probability * 100)
  if (rounded === 0 && probability > 0) return '< 1 %'
  if (rounded === 100 && probability < 1) return '> 99 %'
  return `${rounded} %`
}

/** The likeliest classes that a card shows, and the sum of all others where there are any: two ages, two races, the sex. */
export function shown(guesses: Guess[]): { likeliest: Guess[]; other: number | null } {
  const rest = guesses.slice(2)
  return { likeliest: guesses.slice(0, 2), other: rest.length === 0 ? null : rest.reduce((sum, guess) => sum + guess.probability, 0) }
}

/** How often a head of this accuracy is right. */
export function timesInTen(accuracy: number): string {
  const times = Math.round(accuracy * 10)
  if (times === 0) return 'hardly ever right'
  if (times === 10) return 'nearly always right'
  return `right about ${times} ${times === 1 ? 'time' : 'times'} in 10`
}

export interface Worth {
  /** `test F1 0.61` */
  f1: string
  /** The same in words, with what it was measured on. */
  words: string
}

/** What was measured of one head: on the test split, else on the one by which the checkpoint was chosen, else nothing. */
export function worth(model: Model, head: Head): Worth {
  const { test, validation } = model.scores
  const pictures = (count: number) => `${count} ${count === 1 ? 'picture' : 'pictures'}`
  if (test) {
    const { macro_f1, accuracy } = test.heads[head]
    return { f1: `test F1 ${macro_f1.toFixed(2)}`, words: `${timesInTen(accuracy)} on the test split (${pictures(test.images)})` }
  }
  const flattered = 'the split by which this checkpoint was chosen: it flatters. There are no test scores.'
  if (validation) {
    const { macro_f1, accuracy } = validation.heads[head]
    const words = `${timesInTen(accuracy)} on the validation split (${pictures(validation.images)}), ${flattered}`
    return { f1: `validation F1 ${macro_f1.toFixed(2)}`, words }
  }
  const f1 = model.metrics[`${head}-f1score`]
  if (f1 !== undefined) return { f1: `validation F1 ${f1.toFixed(2)}`, words: `measured on the validation split, ${flattered}` }
  return { f1: 'no F1', words: 'nothing was measured of this checkpoint' }
}

/** What is to be said when pictures and training data are of different kinds; `drawings`: of the pictures. */
export function mismatch(model: Model, drawings: boolean): string | null {
  if (model.made_up === drawings) return null
  if (model.made_up === true) return 'This model was trained on made-up faces, which are drawings: what it says of photographs means nothing.'
  if (!drawings) return null
  return model.made_up === false
    ? 'These samples are drawings, and this model was trained on something else: what it says of them means nothing.'
    : 'These samples are drawings. Whether this model was trained on drawings is not recorded; if not, what it says of them means nothing.'
}

/** A message that programs get, as a sentence: `the queue is full` becomes `The queue is full.` */
export function sentence(message: string): string {
  const text = message.trim()
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
}

/** One sentence for a screen reader. */
export function spoken(prediction: Record<Head, Guess[]>): string {
  const head = (name: string, guesses: Guess[], count: number) =>
    `${name}: ${guesses.slice(0, count).map((guess) => `${guess.class}, ${percent(guess.probability)}`).join('; ')}.`
  return `${head('Age', prediction.age, 2)} ${head('Sex', prediction.sex, 1)} ${head('Race', prediction.race, 2)}`
}

/** The request as a command line, for the picture at `sample` (a path of the controller) or a file of this name. */
export function curl(origin: string, model: string | null, picture: { sample: string } | { file: string }): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const to = quoted(origin + predictPath(model))
  if ('sample' in picture) return `curl -s ${quoted(origin + picture.sample)} | curl -s --data-binary @- ${to}`
  return `curl -s --data-binary @${quoted(picture.file)} ${to}`
}
