using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Pieces of tool calls that a client of the same protocol could not put together do not go on as they came: said twice, after a
/// placeholder, or two calls under one index. What has gone on already is not said again.
/// </summary>
public sealed class RelayedCallsTests
{
    private const string Oslo = """{"city":"Oslo"}""";
    private const string Rome = """{"city":"Rome"}""";

    public static TheoryData<string, string, string> Replies() => new()
    {
        { "twice", Pieces(Whole(0, "a", ""), Piece(0, Oslo), Piece(0, Oslo)), Oslo },
        { "whole twice", Pieces(Whole(0, "a", Oslo), Piece(0, Oslo)), Oslo },
        { "placeholder", Pieces(Whole(0, "a", "{}"), Piece(0, """{"city":"""), Piece(0, "\"Oslo\"}")), Oslo },
        { "word for nothing", Pieces(Whole(0, "a", "null"), Piece(0, Oslo)), Oslo },
        { "one index", Pieces(Whole(0, "a", Oslo), Whole(0, "b", Rome)), $"{Oslo} {Rome}" },
        { "one index in pieces", Pieces(Whole(0, "a", """{"city":"""), Piece(0, "\"Oslo\"}"), Whole(0, "b", Rome)), $"{Oslo} {Rome}" },
        { "no arguments", Pieces(Whole(0, "a", "{}")), "{}" },
        { "after the end", Pieces(Whole(0, "a", Oslo), Piece(0, "\n")), Oslo },
        { "two", Pieces(Whole(0, "a", Oslo), Whole(1, "b", Rome)), $"{Oslo} {Rome}" },
    };

    [Theory]
    [MemberData(nameof(Replies))]
    public async Task Arguments_are_whole_and_once(string name, string reply, string expected)
    {
        Assert.NotEmpty(name);
        await using var steps = await CompatSteps.StartAsync(exchange => exchange.Reply(200, reply, "text/event-stream"));

        var whole = await (await steps.Chat(CompatSteps.Ask("go"))).Json();
        Assert.Equal(expected, string.Join(' ', whole.GetProperty("choices")[0].GetProperty("message").GetProperty("tool_calls")
            .EnumerateArray().Select(call => call.GetProperty("function").Text("arguments")!.Trim())));

        await using var stream = await steps.Script.PostStream("/v1/chat/completions", CompatSteps.Ask("go", stream: true));
        var calls = new SortedDictionary<int, string>();
        var ids = new List<string>();
        foreach (var frame in (await stream.ReadAllAsync()).Where(frame => frame.Data.StartsWith('{')))
        {
            var delta = frame.Json.GetProperty("choices")[0].GetProperty("delta");
            foreach (var call in delta.TryGetProperty("tool_calls", out var list) ? list.EnumerateArray() : default)
            {
                var index = call.GetProperty("index").GetInt32();
                calls[index] = calls.GetValueOrDefault(index, "") + call.GetProperty("function").Text("arguments");
                if (call.TryGetProperty("id", out var id))
                {
                    ids.Add(id.GetString()!);
                }
            }
        }

        Assert.Equal(expected, string.Join(' ', calls.Values.Select(arguments => arguments.Trim())));
        Assert.Equal(calls.Count, ids.Distinct().Count());
        Assert.Equal(calls.Count, ids.Count);
    }

    private static object Whole(int index, string id, string arguments) =>
        new { index, id, type = "function", function = new { name = "w", arguments } };

    private static object Piece(int index, string arguments) => new { index, function = new { arguments } };

    private static string Pieces(params object[] calls) => string.Concat(calls
        .Select(call => (object)new { choices = new[] { new { index = 0, delta = new { tool_calls = new[] { call } } } } })
        .Append(new { choices = new[] { new { index = 0, delta = new { }, finish_reason = "tool_calls" } } })
        .Select(frame => $"data: {JsonSerializer.Serialize(frame)}\n\n")) + "data: [DONE]\n\n";
}
