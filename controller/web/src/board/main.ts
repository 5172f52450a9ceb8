import { mount } from 'svelte'

import '../shared/theme.css'
import './board.css'
import { apply } from '../shared/theme'
import Page from './Page.svelte'

apply()
const place = document.getElementById('page')
if (place) mount(Page, { target: place })
