import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch, visit } from './browser'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const icon = (page: Page) => page.locator('link[rel=icon]').getAttribute('href')
/** The size of the logo in an element, once it is drawn. */
async function drawn(page: Page, where: string): Promise<number[]> {
  const logo = page.locator(`${where} img`).first()
  await expect.poll(() => logo.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0)).toBe(true)
  return logo.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight, image.width, image.height])
}

it('shows the logo of the installation in the sidebar, at the login and on the tab, until it is removed', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByRole('button', { name: 'Choose picture: Logo' }).waitFor()
  expect(await icon(page)).toMatch(/icon\.svg$/)
  expect(await page.locator('.preview svg').count()).toBe(1)
  const picker = page.locator('input[type=file]').first()
  await picker.setInputFiles({ name: 'logo.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') })
  await page.getByText('This file is not a picture').waitFor()
  expect(v.fake.state.logo).toBeNull()

  // An SVG is uploaded as pixels in its own proportions, and no script in it runs.
  const drawing =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20">' +
    '<script>parent.document.title = "ran"</script><rect width="40" height="20" fill="teal"/></svg>'
  await picker.setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(drawing) })
  await page.getByRole('button', { name: 'Remove: Logo' }).waitFor()
  expect([...(v.fake.state.logo?.subarray(1, 4) ?? [])]).toEqual([...Buffer.from('PNG')])
  expect((await drawn(page, '.preview')).slice(0, 2)).toEqual([256, 128])
  expect(await icon(page)).toContain('avatars/logo?v=')
  const first = await icon(page)

  await picker.setInputFiles({
    name: 'shot.png',
    mimeType: 'image/png',
    buffer: await page.screenshot({ clip: { x: 0, y: 0, width: 600, height: 600 } }),
  })
  await expect.poll(() => icon(page)).not.toBe(first)
  await page.getByRole('link', { name: 'Go to the chat' }).click()
  expect(await drawn(page, 'nav .brand')).toEqual([256, 256, 24, 24])
  expect((await page.locator('nav .brand').innerText()).trim()).toBe('AiChat')

  const { current } = v.fake.state
  v.fake.state.current = null
  for (const at of ['login', 'register']) {
    await page.goto(`${v.fake.url}/${at}`)
    expect((await drawn(page, 'header .brand')).slice(2)).toEqual([24, 24])
    await expect.poll(() => icon(page)).toContain('avatars/logo?v=')
    await expect.poll(() => page.title()).toContain('AiChat')
  }

  v.fake.state.current = current
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByRole('button', { name: 'Remove: Logo' }).click()
  await page.getByRole('button', { name: 'Remove: Logo' }).waitFor({ state: 'detached' })
  expect(await page.locator('.preview svg').count()).toBe(1)
  await expect.poll(() => icon(page)).toMatch(/icon\.svg$/)
  expect(v.complaints).toEqual([])
  await v.end()
})

it('greets with the administrator’s words, and lets a visitor choose the theme before a login', async () => {
  const v = await visit(browser)
  const { page } = v
  await page.goto(`${v.fake.url}/settings/system/general`)
  await page.getByLabel('Name').fill('Team Chat')
  await page.getByLabel('Welcome text').fill('Ask about our products.\nNo <b>customer data</b>, please.')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('group', { name: /not saved/ }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'Go to the chat' }).click()
  await page.getByText('No <b>customer data</b>, please.').waitFor()

  v.fake.state.current = null
  await page.goto(`${v.fake.url}/login`)
  await expect.poll(() => page.title()).toBe('Log in to Team Chat · Team Chat')
  await page.getByRole('button', { name: 'Theme: Dark' }).click()
  await page.locator('html[data-theme=dark]').waitFor()
  await page.goto(`${v.fake.url}/register`)
  await page.locator('html[data-theme=dark]').waitFor()
  await expect.poll(() => page.title()).toBe('Create an account · Team Chat')
  await page.getByRole('button', { name: 'Theme: Light' }).click()
  await page.locator('html[data-theme=light]').waitFor()
  expect(v.complaints).toEqual([])
  await v.end()
})
