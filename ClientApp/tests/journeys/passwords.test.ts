import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('says the rule of a password at its field, whether the page or the server finds it broken', async () => {
  const v = await visit(browser)
  const { page } = v
  v.fake.state.current = null
  let asked = 0
  await page.route('**/api/auth/register', (route) => {
    asked++
    const errors = asked === 1 ? { password: ['is too easy to guess'] } : { username: ['looks like another name'] }
    return route.fulfill({
      status: 422,
      contentType: 'application/problem+json',
      body: JSON.stringify({ status: 422, code: asked === 1 ? 'weak_password' : 'validation_failed', errors }),
    })
  })
  await page.goto(`${v.fake.url}/register`)
  const password = page.getByLabel('Password', { exact: true })
  const type = async (text: string) => {
    await password.fill(text)
    await page.getByLabel('Password again').fill(text)
    await page.getByRole('button', { name: 'Create account' }).click()
  }
  await page.getByLabel('User name').fill('mei_lin')
  await type('seven77')
  expect(asked).toBe(0)
  await page.getByRole('alert').getByText('At least 8 characters').waitFor()
  expect(await password.getAttribute('aria-invalid')).toBe('true')

  await type('password1')
  await page.getByRole('alert').getByText('This password is too easy to guess.').waitFor()
  expect(await password.getAttribute('aria-invalid')).toBe('true')
  await type('correct horse battery')
  await page.getByRole('alert').getByText('3 to 20 letters').waitFor()
  expect(await page.getByLabel('User name').getAttribute('aria-invalid')).toBe('true')
  expect(asked).toBe(2)
  expect(await page.getByText('Something went wrong').count()).toBe(0)
  expect(v.complaints).toEqual([])
  await v.end()
})
