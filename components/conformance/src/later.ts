import { functions as earlier, priceListLater } from './functions.js'

/** The same functions after a deploy that knows a newer version of `Priced`. */
export const functions = { ...earlier, priceList: priceListLater }
