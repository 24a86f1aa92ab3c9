import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

/** Where the fake server has axe. The page's policy admits scripts of its own server, and no driver takes a message as long as axe. */
export const axePath = '/axe.js'
export const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * Waits for transitions: a colour between two themes belongs to neither. In WebKit the colour of an element sets out when that of the one
 * around it has arrived.
 */
export const settled = (page: Page) => page.evaluate(async () => {
  const frame = () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
  const moving = () => document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity)
  await frame()
  for (let all = moving(); all.length > 0; all = moving()) {
    await Promise.allSettled(all.map((one) => one.finished))
    await frame()
  }
})

/** Brings axe into the page, once. */
export async function bringAxe(page: Page): Promise<void> {
  await page.evaluate(`import('${axePath}').then(() => undefined)`)
}

interface Finding {
  id: string
  impact: string | null
  nodes: { html: string; failureSummary?: string }[]
}

/**
 * The findings of axe on the present page, one line each: WCAG 2.2 A and AA and axe's best practices, except for two rules. Headings of a
 * model keep the depth that it gave them, and floating layers are at the end of the document, outside the landmarks.
 */
export async function findings(page: Page): Promise<string[]> {
  await bringAxe(page)
  await settled(page)
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Finding[] }> } }
    return (
      await axe.run({
        runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
        resultTypes: ['violations'],
        iframes: false, // they have no origin, so axe cannot look into them
        rules: { 'heading-order': { enabled: false }, region: { enabled: false } },
      })
    ).violations
  })
  return violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${(node.failureSummary ?? '').slice(0, 200)}`),
  )
}

/** Controls a finger cannot hit: smaller than 44 px either way, with nothing that enlarges them. Links in running text are exempt. */
export function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const small: string[] = []
    for (const element of document.querySelectorAll<HTMLElement>(
      'button, a[href], select, input:not([type=hidden], [type=file]), [role=switch], [role=option], [role=menuitem]',
    )) {
      const box = element.getBoundingClientRect()
      if (
        element.matches(':disabled') ||
        box.width === 0 ||
        box.height === 0 ||
        getComputedStyle(element).visibility === 'hidden' ||
        element.closest('[inert], .visually-hidden, .skip')
      )
        continue
      if (element.matches('a') && getComputedStyle(element).display === 'inline') continue
      const after = getComputedStyle(element, '::after')
      const grown = after.content !== 'none' && after.position === 'absolute' ? -2 * parseFloat(after.top) : 0
      // A radio or checkbox is hit through its label.
      const label = element.closest('label')?.getBoundingClientRect()
      const height = Math.max(box.height + grown, label?.height ?? 0)
      const width = Math.max(box.width + grown, label?.width ?? 0)
      if (height < 43.5 || width < 43.5)
        small.push(
          `${Math.round(width)}×${Math.round(height)} ${element.tagName} ` +
            (element.getAttribute('aria-label') ?? element.textContent.trim()),
        )
    }
    return small
  })
}
