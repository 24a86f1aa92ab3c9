import { afterEach, describe, expect, it, vi } from 'vitest'
import { source } from '../../src/lib/api/images'

const image = (url: string) => ({ id: 'a', url, width: 1, height: 1, mime: 'image/png' })

describe('where an image is loaded from', () => {
  afterEach(() => vi.unstubAllGlobals())

  it.each([
    ['/chat-images/a', 'http://10.0.0.5:8001/chat-images/a'],
    ['https://chat.example.org/chat-images/a?exp=1&sig=x_-', 'http://10.0.0.5:8001/chat-images/a?exp=1&sig=x_-'],
    ['https://chat.example.org/ai/chat-images/a', 'http://10.0.0.5:8001/chat-images/a'],
    ['data:image/png;base64,AAAA', 'data:image/png;base64,AAAA'],
  ])('is the server the page came from: %s', (url, expected) => {
    vi.stubGlobal('document', { baseURI: 'http://10.0.0.5:8001/' })
    expect(source(image(url))).toBe(expected)
  })

  it('keeps the path the page is under', () => {
    vi.stubGlobal('document', { baseURI: 'http://10.0.0.5:8001/ai/' })
    expect(source(image('/ai/chat-images/a'))).toBe('http://10.0.0.5:8001/ai/chat-images/a')
  })
})
