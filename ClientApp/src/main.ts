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
// Mount in a separate task: evaluating the script and rendering the page in one would block a phone for too long.
setTimeout(() => mount(App, { target }))
