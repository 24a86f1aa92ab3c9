using System.Text;
using AiChat.Data.Runs;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;

namespace AiChat.Tests.Chat;

public sealed class RunLogTests
{
    [Fact]
    public void Reading_after_any_position_gives_exactly_the_rest()
    {
        var log = Sample(out var content, out var reasoning);
        for (long after = 0; after <= log.Position; after++)
        {
            var (text, thought) = ReadAll(log, after, out var last);

            Assert.EndsWith(text, content);
            Assert.EndsWith(thought, reasoning);
            Assert.Equal(content.Length + reasoning.Length - TextBefore(log, after), text.Length + thought.Length);
            Assert.Equal(log.Position, last == 0 ? log.Position : last);
        }
    }

    [Fact]
    public void A_position_it_never_reached_gives_everything()
    {
        var log = Sample(out var content, out _);

        Assert.Equal(content, ReadAll(log, log.Position + 1, out _).Content);
        Assert.Equal(content, ReadAll(log, -5, out _).Content);
    }

    [Fact]
    public void Who_has_more_than_an_interrupted_answer_kept_gets_everything()
    {
        var log = Sample(out var content, out _);
        var kept = log.Position;
        log.SkipUnkept();
        log.Append("usage", "{}"u8.ToArray());
        log.Append("done", "{}"u8.ToArray());

        Assert.Equal(content, ReadAll(log, kept + 1, out _).Content);
        Assert.Equal(content, ReadAll(log, kept + 2, out _).Content);
        Assert.Equal("", ReadAll(log, kept, out var last).Content);
        Assert.Equal(log.Position, last);
        Assert.Equal("", ReadAll(log, log.Position - 1, out _).Content);
    }

    [Fact]
    public void A_reader_of_a_log_that_becomes_a_shorter_one_gets_that_and_its_end()
    {
        var stored = Sample(out var content, out _);
        var kept = stored.Position;
        stored.SkipUnkept();
        stored.Append("done", "{}"u8.ToArray());
        foreach (var more in new[] { "", "x", "more than was kept" })
        {
            var log = Sample(out _, out _);
            log.AppendContent(more);
            List<SseFrame> before = [];
            log.Read(kept, before);

            log.Become(stored);

            Assert.Equal(more.Length > 0 ? content : "", ReadAll(log, kept + more.Length, out var last).Content);
            Assert.Equal(stored.Position, last);
            Assert.Equal(content.Length, log.ContentLength);
        }
    }

    [Fact]
    public void Whoever_asks_after_the_end_is_told_the_end_again()
    {
        var log = Sample(out _, out _);
        log.Append("done", "{}"u8.ToArray());
        log.Complete();

        List<SseFrame> frames = [];
        Assert.True(log.Read(log.Position, frames));

        Assert.Equal("done", Assert.Single(frames).Type);
    }

    [Fact]
    public void Whoever_has_taken_the_end_is_finished_at_once()
    {
        var log = Sample(out _, out _);
        log.Append("done", "{}"u8.ToArray());

        Assert.True(log.Read(0, []));
    }

    [Fact]
    public void A_log_that_ends_without_an_event_repeats_no_character()
    {
        var log = new RunLog();
        log.AppendContent("half");
        log.Complete();

        List<SseFrame> frames = [];
        Assert.True(log.Read(log.Position, frames));
        Assert.Empty(frames);
    }

    [Fact]
    public void Long_text_goes_out_in_frames_that_never_split_a_character()
    {
        var log = new RunLog();
        var text = "a" + string.Concat(Enumerable.Repeat("😀", RunLog.MaxFrameText));
        log.AppendContent(text);

        List<SseFrame> frames = [];
        var joined = new StringBuilder();
        long position = 0;
        while (joined.Length < text.Length)
        {
            frames.Clear();
            log.Read(position, frames);
            foreach (var frame in frames)
            {
                Assert.True(frame.Text!.Length <= RunLog.MaxFrameText);
                Assert.False(char.IsHighSurrogate(frame.Text[^1]));
                joined.Append(frame.Text);
                position = frame.Id;
            }
        }

        Assert.Equal(text, joined.ToString());
    }

    [Fact]
    public void What_is_taken_to_be_stored_is_taken_once_and_completely()
    {
        var log = new RunLog();
        log.Append("start", "{}"u8.ToArray());
        List<RunChunk> chunks = [];
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            if (random.Next(4) == 0)
            {
                log.AppendReasoning($"r{i} ");
            }
            else if (random.Next(9) == 0)
            {
                log.Append("tool", "{}"u8.ToArray());
            }
            else
            {
                log.AppendContent($"c{i} ");
            }

            if (random.Next(10) == 0)
            {
                log.TakeUnstored(1, chunks);
            }
        }

        log.TakeUnstored(1, chunks);
        log.TakeUnstored(1, chunks);
        var (content, reasoning, _) = log.Snapshot();

        Assert.Equal(content, string.Concat(chunks.Where(chunk => chunk.Kind == RunChunk.Content).Select(chunk => chunk.Value)));
        Assert.Equal(reasoning, string.Concat(chunks.Where(chunk => chunk.Kind == RunChunk.Reasoning).Select(chunk => chunk.Value)));
        var layout = new EventLayout();
        foreach (var chunk in chunks)
        {
            layout.Extend(chunk.Kind, chunk.Position, chunk.Value.Length);
        }

        Assert.StartsWith(layout.ToString(), log.Layout());
    }

    [Fact]
    public void A_layout_survives_its_text_form()
    {
        var layout = Sample(out _, out _).Layout();

        Assert.Equal(layout, EventLayout.Parse(layout).ToString());
        Assert.Equal("", EventLayout.Parse(null).ToString());
    }

    private static RunLog Sample(out string content, out string reasoning)
    {
        var log = new RunLog();
        log.Append("start", "{}"u8.ToArray());
        log.AppendReasoning("let me think");
        log.Append("reasoning", "{}"u8.ToArray());
        log.AppendContent("One, ");
        log.AppendContent("two, ");
        log.Append("tool", "{}"u8.ToArray());
        log.AppendReasoning("hm");
        log.AppendContent("three");
        (content, var thought, _) = log.Snapshot();
        reasoning = thought ?? "";
        return log;
    }

    private static int TextBefore(RunLog log, long position)
    {
        var text = 0L;
        var at = 0L;
        foreach (var (kind, length) in EventLayout.Parse(log.Layout()).Stretches)
        {
            if (kind != 'e')
            {
                text += Math.Clamp(position - at, 0, length);
            }

            at += length;
        }

        return (int)text;
    }

    private static (string Content, string Reasoning) ReadAll(RunLog log, long after, out long last)
    {
        List<SseFrame> frames = [];
        log.Read(after, frames);
        last = frames.Count == 0 ? 0 : frames[^1].Id;
        return (
            string.Concat(frames.Where(frame => frame.Type == "delta").Select(frame => frame.Text)),
            string.Concat(frames.Where(frame => frame is { Type: "reasoning", Text: not null }).Select(frame => frame.Text)));
    }
}
