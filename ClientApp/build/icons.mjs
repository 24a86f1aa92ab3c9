// Renders the PNG icons from public/icon.svg with Chromium: `node build/icons.mjs`, needed only when the icon changes.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const folder = join(import.meta.dirname, '../public')
const sign = readFileSync(join(folder, 'icon.svg'), 'utf8')
// A launcher crops these to its own shape, so the background reaches the edge and the sign stays in the middle.
const full = sign
  .replace('rx="8"', '')
  .replace('viewBox="0 0 32 32"', 'viewBox="-4 -4 40 40"')
  .replace('<rect width="32" height="32"', '<rect x="-4" y="-4" width="40" height="40"')

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu'],
})
mkdirSync(join(folder, 'icons'), { recursive: true })
for (const [name, size, svg] of [['app-192', 192, sign], ['app-512', 512, sign], ['maskable-512', 512, full], ['touch-180', 180, full]]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } })
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`)
  await page.screenshot({ path: join(folder, 'icons', `${name}.png`), omitBackground: true })
  await page.close()
}
await browser.close()
