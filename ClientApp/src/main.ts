import './styles/tokens.css'
import './styles/base.css'
import './styles/prose.css'
import './styles/menus.css'
import './styles/dialogs.css'
import './styles/print.css'
import { mount } from 'svelte'
import App from './App.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('no place to mount')
/** Set by theme-boot.js, which has said so, where the browser is too old. */
const unable = 'aichatUnable' in window
// Mount in a separate task: evaluating the script and rendering the page in one would block a phone for too long.
if (!unable) setTimeout(() => mount(App, { target }))
