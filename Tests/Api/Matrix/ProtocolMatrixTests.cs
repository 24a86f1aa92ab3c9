using System.Net;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api.Matrix;

/// <summary>
/// Every protocol of a client with every protocol of a provider: what a client asks for reaches the provider in its own members, and what
/// it answers reaches the client, or the request is refused and names what is missing. The holes are those of the README.
/// </summary>
public sealed class ProtocolMatrixTests(MatrixServer server) : IClassFixture<MatrixServer>
{
    private const string Pdf = "JVBERi0xLjQKJUVPRgo=";

    /// <summary>What each kind of provider has no member for, by the feature; what the client reads then.</summary>
    private static readonly Dictionary<(string Feature, string Kind), string> Holes = new()
    {
        [("document", "ollama")] = "PDF",
        [("stop", "openai_responses")] = "stop",
        [("detail", "anthropic")] = "detail",
        [("detail", "ollama")] = "detail",
    };

    private static readonly Dictionary<string, Func<Cell, Task>> Features = new()
    {
        ["stream"] = Text,
        ["whole"] = cell => Text(cell, stream: false),
        ["single"] = cell => Calls(cell, "single", Scene.Oslo),
        ["parallel"] = cell => Calls(cell, "parallel", Scene.Oslo, Scene.Rome),
        ["mixed"] = cell => Calls(cell, "mixed", Scene.Oslo, Scene.Rome),
        ["calls whole"] = cell => Calls(cell, "parallel", false, Scene.Oslo, Scene.Rome),
        ["one at a time"] = OneAtATime,
        ["forced"] = cell => Forced(cell, "get_weather"),
        ["required"] = cell => Forced(cell, "required"),
        ["image"] = cell => Sent(cell, new Wish("text") { Image = CompatSteps.Png }, sent =>
            Assert.Contains(CompatSteps.Png, sent.GetRawText())),
        ["detail"] = cell => cell.Inbound is MessagesInbound ? Task.CompletedTask
            : Sent(cell, new Wish("text") { Image = CompatSteps.Png, Detail = "low" }, sent =>
                Assert.Contains("low", sent.GetRawText(), StringComparison.OrdinalIgnoreCase)),
        ["document"] = cell => Sent(cell, new Wish("text") { Document = Pdf }, sent => Assert.Contains(Pdf, sent.GetRawText())),
        ["stop"] = Stop,
        ["schema"] = Schema,
        ["reasoning"] = Reasoning,
        ["thinking"] = Thinking,
        ["usage"] = Usage,
        ["broken off"] = BrokenOff,
        ["cut"] = cell => Ends(cell, "long", cell.Inbound.Words.Length),
        ["filtered"] = cell => Ends(cell, "filter", cell.Inbound.Words.Filter),
        ["refused"] = Refused,
        ["history"] = History,
        ["failed result"] = FailedResult,
        ["image of a tool"] = ImageOfATool,
        ["lone result"] = LoneResult,
        ["broken arguments"] = BrokenArguments,
        ["broken history"] = BrokenHistory,
        ["system"] = cell => Sent(cell, new Wish("text") { System = "Be brief." }, sent => Assert.Contains("Be brief.", sent.GetRawText())),
        ["temperature"] = cell => Sent(cell, new Wish("text") { Temperature = 0.5 }, sent =>
            Assert.Equal(0.5, cell.Provider.Temperature(sent))),
    };

    public static TheoryData<string, string, string> Cells()
    {
        var cells = new TheoryData<string, string, string>();
        foreach (var feature in Features.Keys)
        {
            foreach (var inbound in InboundProtocol.All)
            {
                foreach (var provider in StandIn.All)
                {
                    cells.Add(feature, inbound.Path, provider.Kind);
                }
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Every_cell(string feature, string inbound, string provider)
    {
        var protocol = InboundProtocol.All.Single(one => one.Path == inbound);
        var cell = new Cell(server, protocol, StandIn.All.Single(one => one.Kind == provider));
        if (cell.IsSame || !Holes.TryGetValue((feature, provider), out var missing) || (inbound == "/v1/messages" && feature == "detail"))
        {
            await Features[feature](cell);
            return;
        }

        cell.Missing = missing;
        var refused = await Assert.ThrowsAsync<CellRefused>(() => Features[feature](cell));
        Assert.Contains(missing, refused.Message);
    }

    private static Task Text(Cell cell) => Text(cell, stream: true);

    private static async Task Text(Cell cell, bool stream)
    {
        var (seen, sent) = await cell.Ask(new Wish("text") { Stream = stream });
        Assert.Equal(("Hello", cell.Inbound.Words.Stop), (seen.Text, seen.Finish));
        Assert.Contains("99", sent.GetRawText()); // the limit of tokens
        Assert.Empty(seen.Calls);
    }

    private static Task Calls(Cell cell, string scene, params string[] arguments) => Calls(cell, scene, true, arguments);

    private static async Task Calls(Cell cell, string scene, bool stream, params string[] arguments)
    {
        var (seen, sent) = await cell.Ask(new Wish(scene) { Tools = true, Stream = stream });
        Assert.Equal(["get_weather"], cell.Provider.Tools(sent));
        Assert.Equal(arguments, seen.Calls);
        Assert.Equal(cell.Inbound.Words.Calls, seen.Finish);
    }

    private static async Task OneAtATime(Cell cell)
    {
        var (seen, sent) = await cell.Ask(new Wish("parallel") { Tools = true, Parallel = false });
        if (cell.Provider.Kind is "google_genai" or "ollama")
        {
            Assert.Equal([Scene.Oslo], seen.Calls); // their protocols cannot be asked, so the others are not told
        }
        else
        {
            Assert.False(cell.Provider.Parallel(sent));
        }
    }

    private static async Task Forced(Cell cell, string choice)
    {
        if (cell.Provider.Kind != "ollama")
        {
            var (_, sent) = await cell.Ask(new Wish("single") { Tools = true, Choice = choice });
            Assert.Equal(choice, cell.Provider.Choice(sent));
            return;
        }

        // Its protocol forces no call: the arguments are the form of the answer, and come back as a call.
        foreach (var scene in (string[])["form", "fenced"])
        {
            foreach (var stream in (bool[])[true, false])
            {
                var (seen, sent) = await cell.Ask(new Wish(scene) { Tools = true, Choice = choice, System = "Be brief.", Stream = stream });
                Assert.Equal([Scene.Oslo], seen.Calls);
                Assert.Equal(("", cell.Inbound.Words.Calls), (seen.Text, seen.Finish));
                Assert.Empty(cell.Provider.Tools(sent));
                Assert.True(JsonElement.DeepEquals(JsonSerializer.SerializeToElement(Wish.Schema), cell.Provider.Schema(sent)));
                Assert.Contains("Be brief.", sent.GetRawText());
            }
        }
    }

    private static async Task Stop(Cell cell)
    {
        if (cell.Inbound is ResponsesInbound)
        {
            return; // this protocol has no stop words
        }

        var (seen, sent) = await cell.Ask(new Wish("stop") { Stop = "END" });
        Assert.Equal("END", cell.Provider.Stop(sent));
        if (cell.Provider.Kind is "openai" or "anthropic")
        {
            Assert.Equal("END", seen.StopWord);
            Assert.True(cell.IsSame || cell.Inbound is ChatInbound || seen.Finish == "stop_sequence", seen.Finish);
        }
    }

    private static async Task Schema(Cell cell)
    {
        var (_, sent) = await cell.Ask(new Wish("text") { Form = true });
        Assert.True(JsonElement.DeepEquals(JsonSerializer.SerializeToElement(Wish.Schema), cell.Provider.Schema(sent)), sent.GetRawText());
        if (cell.Inbound is not MessagesInbound && cell.Provider.Kind is "openai" or "openai_responses")
        {
            Assert.Contains("\"name\":\"place\"", sent.GetRawText());
            Assert.Contains("\"strict\":true", sent.GetRawText());
        }
    }

    private static async Task Reasoning(Cell cell)
    {
        foreach (var effort in (string[])["none", "low", "medium", "high"])
        {
            if (effort == "none" && cell is { IsSame: true, Inbound: MessagesInbound })
            {
                continue; // said by thinking, which goes as it is
            }

            var (_, sent) = await cell.Ask(new Wish("text") { Effort = effort });
            Assert.Equal(cell.Provider.Reasoning(effort), cell.Provider.Reasoning(sent));
        }
    }

    private static async Task Thinking(Cell cell)
    {
        var (seen, _) = await cell.Ask(new Wish("think"));
        Assert.Equal(("I look.", "Hello"), (seen.Thinking, seen.Text));
    }

    private static async Task Usage(Cell cell)
    {
        var (seen, _) = await cell.Ask(new Wish("text"));
        Assert.Equal((StandIn.Prompt, StandIn.Completion), (seen.Prompt, seen.Completion));
        Assert.NotEqual(0, seen.PromptAhead);
        (seen, _) = await cell.Ask(new Wish("text") { Stream = false });
        Assert.Equal((StandIn.Prompt, StandIn.Completion), (seen.Prompt, seen.Completion));
    }

    private static async Task BrokenOff(Cell cell)
    {
        var (seen, _) = await cell.Ask(new Wish("break"));
        Assert.Equal("Hel", seen.Text);
        Assert.Contains("out of luck", seen.Error);
    }

    private static async Task Ends(Cell cell, string scene, string word)
    {
        var (seen, _) = await cell.Ask(new Wish(scene));
        Assert.Equal(("Hel", word), (seen.Text, seen.Finish));
    }

    private static async Task Refused(Cell cell)
    {
        foreach (var stream in (bool[])[true, false])
        {
            var (seen, _) = await cell.Ask(new Wish("refuse") { Stream = stream });
            var tells = cell.Provider.Kind is "openai" or "openai_responses" && cell.Inbound is not MessagesInbound;
            Assert.Equal(tells ? ("", "I will not.") : ("I will not.", ""), (seen.Text, seen.Refusal));
            Assert.True(tells || seen.Finish == cell.Inbound.Words.Filter, seen.Finish);
        }
    }

    private static async Task History(Cell cell)
    {
        var (seen, sent) = await cell.Ask(new Wish("text") { Tools = true, Called = Scene.Oslo });
        Assert.Equal("12 degrees", cell.Provider.Result(sent));
        Assert.Equal("Oslo", cell.Provider.Arguments(sent).Text("city"));
        Assert.Equal("Hello", seen.Text);
    }

    private static async Task FailedResult(Cell cell)
    {
        if (cell.Inbound is not MessagesInbound)
        {
            return; // only this protocol marks results
        }

        var (_, sent) = await cell.Ask(new Wish("text") { Tools = true, Called = Scene.Oslo, Failed = true });
        var expected = cell.Provider.Kind switch
        {
            "anthropic" => "12 degrees",
            "google_genai" => "error 12 degrees",
            _ => "Error: 12 degrees",
        };
        Assert.Equal(expected, cell.Provider.Result(sent));
        Assert.True(cell.Provider.Kind != "anthropic" || sent.GetRawText().Contains("\"is_error\":true", StringComparison.Ordinal));
    }

    private static async Task ImageOfATool(Cell cell)
    {
        if (cell.Inbound is ChatInbound)
        {
            return; // results hold text only in this protocol
        }

        var (_, sent) = await cell.Ask(new Wish("text") { Tools = true, Called = Scene.Oslo, ResultImage = CompatSteps.Png });
        Assert.Equal("12 degrees", cell.Provider.Result(sent));
        Assert.Contains(CompatSteps.Png, sent.GetRawText());
    }

    private static async Task LoneResult(Cell cell)
    {
        cell.Missing = "call_nobody";
        var refused = await Assert.ThrowsAsync<CellRefused>(() =>
            cell.Ask(new Wish("text") { Tools = true, Called = Scene.Oslo, ResultOf = "call_nobody" }));
        Assert.Contains("call_nobody", refused.Message);
    }

    private static async Task BrokenArguments(Cell cell)
    {
        if (cell.Provider.Kind is "google_genai" or "ollama" || cell.IsSame)
        {
            return; // their arguments are JSON already; and a client of the provider's own protocol gets what it says
        }

        var (seen, _) = await cell.Ask(new Wish("broken") { Tools = true });
        if (cell.Inbound is MessagesInbound)
        {
            Assert.Contains("arguments", seen.Error);
            cell.Missing = "arguments";
            cell.Expected = HttpStatusCode.BadGateway;
            await Assert.ThrowsAsync<CellRefused>(() => cell.Ask(new Wish("broken") { Tools = true, Stream = false }));
        }
        else
        {
            Assert.Equal([Scene.Broken], seen.Calls);
        }
    }

    private static async Task BrokenHistory(Cell cell)
    {
        if (cell.Inbound is MessagesInbound || cell.IsSame)
        {
            return; // its arguments are JSON already; and a provider of the client's own protocol judges itself
        }

        var (_, sent) = await cell.Ask(new Wish("text") { Tools = true, Called = Scene.Broken });
        Assert.Equal(Scene.Broken, cell.Provider.Arguments(sent).Text("raw_arguments"));
    }

    private static async Task Sent(Cell cell, Wish wish, Action<JsonElement> check)
    {
        var (_, sent) = await cell.Ask(wish);
        check(sent);
    }
}

/// <summary>The request was refused; the message is the whole answer.</summary>
internal sealed class CellRefused(string message) : Exception(message);

/// <summary>One pair of protocols.</summary>
internal sealed record Cell(MatrixServer Server, InboundProtocol Inbound, StandIn Provider)
{
    public bool IsSame => Inbound.Kind == Provider.Kind;

    /// <summary>The request is to be refused, and names this.</summary>
    public string? Missing { get; set; }

    public HttpStatusCode Expected { get; set; } = HttpStatusCode.BadRequest;

    /// <summary>Asks, and returns what the client read and what the provider was sent.</summary>
    public async Task<(Seen Seen, JsonElement Sent)> Ask(Wish wish)
    {
        var body = Inbound.Ask(Provider.Model, wish);
        using var request = new HttpRequestMessage(HttpMethod.Post, Inbound.Path) { Content = new StringContent(body.ToJsonString()) };
        request.Content.Headers.ContentType = new("application/json");
        using var response = await Server.Script.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (Missing is not null)
        {
            Assert.True(response.StatusCode == Expected, text);
            Assert.Contains(Inbound is MessagesInbound ? "\"type\":\"error\"" : "\"error\":{\"message\"", text);
            throw new CellRefused(text);
        }

        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        if (!wish.Stream)
        {
            return (Inbound.ReadWhole(JsonSerializer.Deserialize<JsonElement>(text)), Server.Sent(Provider));
        }

        var frames = text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line[6..])).ToList();
        return (Inbound.Read(frames), Server.Sent(Provider));
    }
}
