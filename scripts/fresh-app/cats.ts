import { Controller, Get, Injectable, Logger, Module, NotFoundException, Param } from '@nestjs/common';
import { Span, SpanAttribute, Traced } from 'spanwright';

/** Nothing is written on it: `instrument: true` traces it. */
@Injectable()
export class CatsRepository {
  private readonly names = new Map([['1', 'Tom']]);

  async find(id: string): Promise<string | undefined> {
    return this.names.get(id);
  }
}

@Traced()
@Injectable()
export class CatsService {
  private readonly logger = new Logger('Cats');

  constructor(private readonly cats: CatsRepository) {}

  async find(@SpanAttribute('cat.id') id: string): Promise<{ id: string; name: string }> {
    const name = await this.cats.find(id);
    if (name === undefined) throw new NotFoundException(`no cat ${id}`);
    this.logger.log(`found ${name}, password=hunter2`);
    return { id, name: this.greet(name) };
  }

  @Span('cats.greet')
  greet(name: string): string {
    return `${name} the cat`;
  }
}

@Controller('cats')
export class CatsController {
  constructor(private readonly cats: CatsService) {}

  @Get(':id')
  find(@Param('id') id: string) {
    return this.cats.find(id);
  }
}

@Module({ controllers: [CatsController], providers: [CatsService, CatsRepository] })
export class CatsModule {}
