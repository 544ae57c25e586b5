import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** More than any page of the tests has: who presses so often is in a trap. */
const maxPresses = 400

/**
 * Fails on what the mouse can use and the keyboard cannot: with real keys, Tab goes once around the
 * page, or around the dialog that is open, and arrows go through what has one stop for Tab (tabs,
 * menus, trees, lists of options). What they reach must be seen, with a ring; nothing holds them.
 * Focus is afterwards where it was.
 */
export async function expectKeyboardReaches(page: Page): Promise<void> {
  let walk = await walkByKeyboard(page)
  // What came meanwhile (a file that was still loading) could not be reached by then.
  if (walk.findings.length > 0 && walk.hasGrown) walk = await walkByKeyboard(page)
  expect(walk.findings).toEqual([])
}

/** What the keyboard does not reach, or not well, in words; and whether more came while it went. */
export async function walkByKeyboard(page: Page): Promise<Walk> {
  await page.evaluate(watch)
  // Once around, and one more to see that it goes around.
  let presses = (await page.evaluate(() => globalThis.keyboardWalk.countStops())) + 2
  for (let pressed = 0; presses > 0 && pressed < maxPresses; pressed += presses) {
    await press(page, 'Tab', presses)
    presses = (await page.evaluate(() => globalThis.keyboardWalk.goesOn())) ? 20 : 0
  }
  for (;;) {
    const arrows = await page.evaluate(() => globalThis.keyboardWalk.enterNextWidget())
    if (arrows === null) break
    await press(page, 'Home', 1)
    await press(page, arrows.key, arrows.count)
  }
  return await page.evaluate(() => globalThis.keyboardWalk.end())
}

const keyCodes = { Tab: 9, Home: 36, ArrowRight: 39, ArrowDown: 40 } as const

/** Real keys, one after another, without waiting for the news of each: that is most of the time. */
async function press(page: Page, key: keyof typeof keyCodes, times: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const event = { key, code: key, windowsVirtualKeyCode: keyCodes[key] }
  const sent = Array.from({ length: times }, async () => {
    const down = session.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...event })
    const up = session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
    await Promise.all([down, up])
  })
  await Promise.all(sent)
  await session.detach()
}

interface Walk {
  readonly findings: readonly string[]
  readonly hasGrown: boolean
}

interface KeyboardWalk {
  countStops(): number
  goesOn(): boolean
  enterNextWidget(): { readonly key: 'ArrowRight' | 'ArrowDown'; readonly count: number } | null
  end(): Walk
}

declare global {
  var keyboardWalk: KeyboardWalk
}

/** Runs in the page, whole: it can use nothing from outside of it. */
function watch(): void {
  const native = 'a[href],button,input,select,textarea,summary'
  const roles = ['button', 'link', 'tab', 'checkbox', 'radio', 'switch', 'menuitem', 'option']
  const usable = [native, ...roles.map((role) => `[role=${role}]`), '[role=treeitem]'].join(',')
  const widgets = '[role=tablist],[role=menu],[role=tree],[role=listbox],[role=radiogroup]'
  const focusedBefore = document.activeElement
  const stops: Element[] = []
  const byArrows = new Set<Element>()
  const entered = new Set<Element>()
  const findings = new Set<string>()
  let walking: Element | undefined

  const isShown = (element: Element) => {
    const { width, height } = element.getBoundingClientRect()
    const options = { checkVisibilityCSS: true, checkOpacity: true }
    return width > 0 && height > 0 && element.checkVisibility(options)
  }
  const scope = () => {
    const over = [...document.querySelectorAll('[aria-modal=true],[role=menu]')].filter(isShown)
    return over.at(-1) ?? document.body
  }
  const name = (element: Element) => {
    const text = element.getAttribute('aria-label') ?? element.textContent ?? ''
    const kind = `${element.tagName.toLowerCase()}.${element.getAttribute('class')}`
    return `${kind.slice(0, 60)} "${text.trim().slice(0, 50)}"`
  }
  const isOff = (element: Element) =>
    element.closest(':disabled,[aria-disabled=true],[data-disabled],[inert]') !== null
  /** A field and its label, and what is drawn in place of a field that cannot be seen. */
  const drawn = (element: Element) => {
    const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : []
    const beside = isShown(element) ? [] : [...(element.parentElement?.children ?? [])]
    return [element, ...labels, ...beside]
  }
  const hasRing = (element: Element) =>
    [...drawn(element), ...element.children].some((one) => {
      const style = getComputedStyle(one)
      const outlined = style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0
      return outlined || (one === element && style.boxShadow !== 'none')
    })
  const isInSight = (element: Element) =>
    drawn(element)
      .filter(isShown)
      .some((one) => {
        const { left, right, top, bottom } = one.getBoundingClientRect()
        return right > 0 && bottom > 0 && left < innerWidth && top < innerHeight
      })
  const radiosWith = ({ name }: HTMLInputElement) => [
    ...document.querySelectorAll<HTMLInputElement>(`input[type=radio][name="${CSS.escape(name)}"]`),
  ]
  const isFurtherRadio = (element: Element) => {
    if (!(element instanceof HTMLInputElement) || element.type !== 'radio') return false
    const radios = radiosWith(element)
    return element !== (radios.find(({ checked }) => checked) ?? radios[0])
  }
  const stopsOf = () =>
    [...scope().querySelectorAll<HTMLElement>(`${native},[tabindex]`)].filter(
      (one) => one.tabIndex >= 0 && !isOff(one) && isShown(one) && !isFurtherRadio(one),
    )
  /** Day, month, year and calendar are stops of the browser's own, with its own marks. */
  const isPartOfDate = (at: Element) =>
    at === stops.at(-1) && at.matches('[type=date],[type=time],[type=datetime-local]')
  const look = () => {
    const at = document.activeElement
    if (at === null || at === document.body) return undefined
    if (isPartOfDate(at)) return at
    if (!isInSight(at)) findings.add(`the focus is out of sight: ${name(at)}`)
    else if (!hasRing(at)) findings.add(`the focus has no ring: ${name(at)}`)
    return at
  }
  const onKeyDown = () => {
    const at = look()
    if (walking !== undefined) return
    if (at === undefined) return
    if (isPartOfDate(at)) return
    // Once may be the way around the page, through the browser.
    const isHeld = at === stops.at(-1) && at === stops.at(-2)
    if (isHeld && stopsOf().length > 1) findings.add(`Tab is held by ${name(at)}`)
    stops.push(at)
  }
  // Arrows may choose what they come to: that would change the page.
  const onClick = (event: Event) => {
    if (walking === undefined) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }
  const marked = '[aria-selected=true],[data-selected],[data-combobox-selected]'
  const onKeyUp = () => {
    if (walking === undefined) return
    look()
    if (document.activeElement) byArrows.add(document.activeElement)
    for (const one of walking.querySelectorAll(marked)) byArrows.add(one)
  }
  let hasGrown = false
  const growth = new MutationObserver((changes) => {
    hasGrown ||= changes.some(({ addedNodes }) => addedNodes.length > 0)
  })
  growth.observe(document.body, { childList: true, subtree: true })
  addEventListener('keydown', onKeyDown, true)
  addEventListener('keyup', onKeyUp, true)
  addEventListener('click', onClick, true)

  /** What React calls on a click, or what the page's own script does. */
  const isClickable = (element: Element) => {
    if (element.matches(usable)) return true
    const key = Object.keys(element).find((one) => one.startsWith('__reactProps$'))
    const props = key && (element as unknown as Record<string, Record<string, unknown>>)[key]
    if (props ? props.onClick : (element as HTMLElement).onclick) return true
    if (getComputedStyle(element).cursor !== 'pointer') return false
    const above = element.parentElement
    return above === null || getComputedStyle(above).cursor !== 'pointer'
  }
  /** Itself, and the fields that the label around it or in it is for. */
  const fieldsOf = (element: Element) => {
    const labels = [element.closest('label'), ...element.querySelectorAll('label')]
    return [element, ...labels.map((label) => label?.control ?? null)].filter((one) => one !== null)
  }
  const isReached = (element: Element) => {
    const reached = [...stops, ...byArrows]
    const touches = (one: Element) =>
      reached.some((stop) => one.contains(stop) || stop.contains(one))
    return fieldsOf(element).some(touches)
  }
  /** The arrows that numbers are drawn with: the field itself takes those of the keyboard. */
  const isSpinner = (element: Element) =>
    element.closest('[aria-hidden=true]') !== null &&
    element.matches('[tabindex="-1"]') &&
    stops.some((stop) => stop.matches('input') && stop.parentElement?.contains(element))
  const isSpared = (element: Element) =>
    isOff(element) ||
    isSpinner(element) ||
    // A browser's own keys go through radio buttons.
    fieldsOf(element).some(
      (one) =>
        one instanceof HTMLInputElement &&
        one.type === 'radio' &&
        radiosWith(one).some((radio) => stops.includes(radio)),
    )
  /** What arrows go through: a widget, or a dialog whose field leads a list of buttons. */
  const widgetOf = (element: Element) =>
    element.closest(widgets) ??
    (element.matches('[tabindex="-1"]') ? element.closest('[role=dialog]') : null)

  const unreached = (selector: string) =>
    [...scope().querySelectorAll(selector)].filter(
      (one) => isShown(one) && !isReached(one) && !isSpared(one),
    )

  const judge = () => {
    for (const one of document.querySelectorAll<HTMLElement>('[tabindex]')) {
      if (one.tabIndex > 0) findings.add(`its tabindex is positive: ${name(one)}`)
    }
    if (stops.length > 0 && new Set(stops).size === stops.length) {
      findings.add(`Tab does not come around in ${stops.length} presses`)
    }
    for (const one of unreached('*')) {
      if (isClickable(one)) findings.add(`the mouse can use it, the keyboard cannot: ${name(one)}`)
    }
  }

  globalThis.keyboardWalk = {
    countStops: () => stopsOf().length,
    goesOn: () => stops.length > 0 && new Set(stops).size === stops.length,
    enterNextWidget() {
      const widget = unreached('*')
        .filter(isClickable)
        .map(widgetOf)
        .find((one): one is Element => one !== null && !entered.has(one))
      if (widget === undefined) return null
      entered.add(widget)
      walking = widget
      const opener = widget.id ? document.querySelector(`[aria-controls~="${widget.id}"]`) : null
      const entry = stops.find((one) => widget.contains(one)) ?? opener ?? widget
      if (entry instanceof HTMLElement) entry.focus()
      const key = widget.matches('[role=tablist]') ? 'ArrowRight' : 'ArrowDown'
      return { key, count: Math.min(widget.querySelectorAll(usable).length + 1, 60) }
    },
    end() {
      removeEventListener('keydown', onKeyDown, true)
      removeEventListener('keyup', onKeyUp, true)
      removeEventListener('click', onClick, true)
      judge()
      growth.disconnect()
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
      // A field that opens its list when it is focused would lay that over the page.
      const opens = focusedBefore?.hasAttribute('aria-haspopup')
      if (focusedBefore instanceof HTMLElement && !opens) focusedBefore.focus()
      return { findings: [...findings], hasGrown }
    },
  }
}
