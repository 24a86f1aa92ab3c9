import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { floors, importsOf, judge, readGraph, type Graph } from './floors'

const graph = readGraph(join(import.meta.dirname, '../../src'))
const planted = (from: string, to: string): Graph => new Map([...graph, [from, [...(graph.get(from) ?? []), to]]])

describe('the floors of the page', () => {
  it('are imported downwards only and without a circle', () => {
    expect(graph.size).toBeGreaterThan(200)
    expect(judge(graph)).toEqual([])
  })

  it('are all in use', () => {
    const folders = new Set(
      [...graph.keys()].filter((file) => file.startsWith('lib/')).map((file) => file.split('/').slice(0, 2).join('/')),
    )
    expect(new Set(floors.filter((floor) => floor.startsWith('lib/')))).toEqual(folders)
  })

  it.each([
    ['lib/ui/Button.svelte', 'lib/state/app.svelte.ts'],
    ['lib/ui/Button.svelte', 'lib/i18n/index.svelte.ts'],
    ['lib/api/early.ts', 'lib/state/auth.svelte.ts'],
    ['lib/lexer/blocks.ts', 'lib/markdown/inline.ts'],
    ['lib/state/router.svelte.ts', 'lib/chat/Shell.svelte'],
    ['lib/admin/AboutPage.svelte', 'lib/settings/pages.ts'],
  ])('fail with both names when %s imports %s', (from, to) => {
    expect(judge(planted(from, to))).toContain(`${from} imports ${to}, which stands above it`)
  })

  it('fail on a circle within a floor', () => {
    expect(judge(planted('lib/markdown/words.ts', 'lib/markdown/inline.ts'))).toContain(
      'lib/markdown/inline.ts → lib/markdown/words.ts → lib/markdown/inline.ts is a circle',
    )
  })

  it('fail on a file that belongs to none', () => {
    expect(judge(new Map([...graph, ['lib/other/thing.ts', []]]))).toEqual(['lib/other/thing.ts stands on no floor'])
  })

  it('are read from static, lazy and type imports alike', () => {
    const text = `
      import { useApp } from '../state/app.svelte'
      import type { Session } from '../api/types'
      import './later'
      const Part = () => import('../ui/Button.svelte')
      export * from './gone'`
    const files = ['lib/state/app.svelte.ts', 'lib/api/types.ts', 'lib/ui/later.ts', 'lib/ui/Button.svelte']
    expect(importsOf('lib/ui/Some.svelte', text, (path) => files.includes(path))).toEqual([...files, './gone'])
  })
})
