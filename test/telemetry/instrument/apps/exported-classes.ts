import { ValidationPipe } from '@nestjs/common';

/** Classes of an application, as its files export them. */
export class Shop {}
export default class Till extends Map<string, number> {}
export { ValidationPipe };
