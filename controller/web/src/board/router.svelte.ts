/** The address as state: the place, and the view of a sweep's page. */
import { type Address, href, parse, type Place, queryOf, type View, viewOf } from './data/route'

class Router {
  address = $state.raw<Address>(parse(location.hash))
  view = $derived(viewOf(this.address.view))
  /** Told of what a person changes in the view. */
  changed: ((part: Partial<View>) => void) | undefined

  constructor() {
    addEventListener('hashchange', () => (this.address = parse(location.hash)))
    addEventListener('popstate', () => (this.address = parse(location.hash)))
  }

  get place(): Place {
    return this.address.place
  }

  go(place: Place, view?: URLSearchParams): void {
    location.hash = href(place, view)
  }

  /** Changes the view in place; the back button leads to the last place, not through every brush. */
  change(part: Partial<View>): void {
    this.begin(part)
    this.changed?.(part)
  }

  /** The same, when it is no act of a person. */
  begin(part: Partial<View>): void {
    const query = queryOf({ ...this.view, ...part })
    history.replaceState(null, '', href(this.place, query))
    this.address = parse(location.hash)
  }

  /** Another tab of the same sweep's page, with the same view. */
  tab(tab: Extract<Place, { page: 'sweep' }>['tab']): string {
    const place = this.place
    return place.page === 'sweep' ? href({ ...place, tab }, queryOf(this.view)) : '#/'
  }
}

export const router = new Router()
