import type { ShowRequest, Shown } from './protocol'

// Shows one remote image after a click in the page, in a frame without an origin.

const say = (message: Shown | 'ready' | 'failed') => parent.postMessage(message, '*')

addEventListener('message', (event: MessageEvent<ShowRequest | undefined>) => {
  const request = event.data
  if (event.source !== parent || typeof request?.show !== 'string') return
  const image = new Image()
  image.alt = request.alt
  image.referrerPolicy = 'no-referrer'
  image.onload = () => say({ width: image.naturalWidth, height: image.naturalHeight })
  image.onerror = () => say('failed')
  // Through CSSOM, because the policy of this frame allows no styles.
  image.style.cssText = 'display:block;width:100%;height:100%;object-fit:contain'
  image.src = request.show
  document.body.replaceChildren(image)
})

document.documentElement.style.height = '100%'
document.body.style.cssText = 'margin:0;height:100%'
say('ready')
