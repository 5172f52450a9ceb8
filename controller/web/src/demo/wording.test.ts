import { describe, expect, it } from 'vitest'

import type { HeadScores, Model, Scores } from './api'
import { curl, mismatch, percent, sentence, shown, spoken, timesInTen, worth } from './wording'

const scores = (images: number, macro_f1: number, accuracy: number): Scores => {
  const head: HeadScores = { macro_f1, accuracy }
  return { images, heads: { age: head, sex: head, race: head } }
}

const model = (change: Partial<Model>): Model => ({
  id: '0', name: 'faces', sweep: 'k3x9q2ab', sweep_name: 'faces', trial: 'k3x9q2ab/4', step: 9, epoch: 1, promoted_at_ms: 0, default: true,
  metrics: {}, made_up: null, scores: { validation: null, test: null }, files: [], predictors: [], ...change,
})

describe('probabilities', () => {
  it('are whole per cents that never claim certainty', () => {
    expect([0, 0.001, 0.5449, 0.545, 0.999, 1].map(percent)).toEqual(['0 %', '< 1 %', '54 %', '55 %', '> 99 %', '100 %'])
  })

  it('are those of the two likeliest classes and the sum of all others', () => {
    const guesses = [0.5, 0.25, 0.125, 0.125].map((probability, index) => ({ class: String(index), probability }))
    expect(shown(guesses)).toEqual({ likeliest: guesses.slice(0, 2), other: 0.25 })
    expect(shown(guesses.slice(0, 2)).other).toBeNull()
  })

  it('are spoken in one sentence for each head', () => {
    const two = [{ class: '20 to 30', probability: 0.6 }, { class: '30 to 40', probability: 0.4 }]
    const sex = [{ class: 'Female', probability: 0.9 }, { class: 'Male', probability: 0.1 }]
    expect(spoken({ age: two, sex, race: two })).toBe('Age: 20 to 30, 60 %; 30 to 40, 40 %. Sex: Female, 90 %. Race: 20 to 30, 60 %; 30 to 40, 40 %.')
  })
})

describe('what a head is worth', () => {
  it('is told by the test split where there is one', () => {
    const found = worth(model({ scores: { validation: scores(200, 0.9, 0.9), test: scores(120, 0.614, 0.69) } }), 'age')
    expect(found).toEqual({ f1: 'test F1 0.61', words: 'right about 7 times in 10 on the test split (120 pictures)' })
  })

  it('is told by validation otherwise, which is said to flatter', () => {
    const found = worth(model({ scores: { validation: scores(1, 0.5, 0.1), test: null } }), 'sex')
    expect(found.f1).toBe('validation F1 0.50')
    expect(found.words).toMatch(/^right about 1 time in 10 on the validation split \(1 picture\).*flatters.*no test scores/)
    expect(worth(model({ metrics: { 'race-f1score': 0.25 } }), 'race').f1).toBe('validation F1 0.25')
    expect(worth(model({}), 'race')).toEqual({ f1: 'no F1', words: 'nothing was measured of this checkpoint' })
  })

  it('is never rounded to always or never', () => {
    expect([0.04, 0.05, 0.94, 0.96].map(timesInTen)).toEqual([
      'hardly ever right', 'right about 1 time in 10', 'right about 9 times in 10', 'nearly always right',
    ])
  })
})

describe('pictures of another kind than the training data', () => {
  it('are named whichever of the two is drawn', () => {
    expect(mismatch(model({ made_up: true }), true)).toBeNull()
    expect(mismatch(model({ made_up: false }), false)).toBeNull()
    expect(mismatch(model({ made_up: true }), false)).toMatch(/photographs means nothing/)
    expect(mismatch(model({ made_up: false }), true)).toMatch(/trained on something else/)
    expect(mismatch(model({ made_up: null }), true)).toMatch(/not recorded/)
    expect(mismatch(model({ made_up: null }), false)).toBeNull()
  })
})

describe('a message of the controller', () => {
  it('is shown as a sentence', () => {
    expect(sentence('it is no whole JPEG')).toBe('It is no whole JPEG.')
    expect(sentence('There is none.')).toBe('There is none.')
  })
})

describe('the command line of a request', () => {
  it('pipes a sample and names a file, quoted for a shell', () => {
    expect(curl('http://a:1', null, { sample: '/api/v1/samples/1.jpg' })).toBe(
      "curl -s 'http://a:1/api/v1/samples/1.jpg' | curl -s --data-binary @- 'http://a:1/api/v1/predict'",
    )
    expect(curl('http://a:1', 'my model', { file: "it's me.png" })).toBe(
      "curl -s --data-binary @'it'\\''s me.png' 'http://a:1/api/v1/predict?model=my%20model'",
    )
  })
})
