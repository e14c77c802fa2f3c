import { Controller, Get, Header, VERSION_NEUTRAL } from '@nestjs/common';
import { TelemetryService } from '../telemetry/telemetry.service';
import type { TelemetryStatus } from '../telemetry/telemetry-status';

/** `GET /health/telemetry`: the whole state of telemetry. Always 200: whoever asks whether the application is ready asks elsewhere. */
@Controller({ path: 'health', version: VERSION_NEUTRAL })
export class TelemetryHealthController {
  constructor(private readonly telemetry: TelemetryService) {}

  @Get('telemetry')
  @Header('cache-control', 'no-store')
  status(): TelemetryStatus {
    return this.telemetry.status();
  }
}
