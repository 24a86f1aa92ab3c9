import './styles/tokens.css'
import './styles/base.css'
import './styles/prose.css'
import './styles/menus.css'
import { mount } from 'svelte'
import App from './App.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('no place to mount')
// In a task of its own: reading the script and building the page in one go would be a long stop on a phone.
setTimeout(() => mount(App, { target }))
