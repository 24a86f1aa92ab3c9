using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Relays a provider's frames of a chat completion to a client of the same protocol. All members are passed on except those that the
/// server writes itself: the model's name as the client knows it, and the tool calls of the first choice where a client could not put their
/// pieces together.
/// </summary>
internal sealed class CompletionFrames
{
    /// <summary>Bound of a merged completion in characters: several choices, or audio in base64.</summary>
    private const int MaxCharacters = ProviderCall.MaxLine;

    private static readonly HashSet<string> OwnMembers = new(StringComparer.Ordinal) { "id", "object", "created", "model", "choices" };

    private static readonly JsonElement NoChoices = JsonDocument.Parse("[]").RootElement.Clone();

    private readonly SortedDictionary<int, MergedJson> _choices = [];
    private readonly MergedJson _rest = new();
    private readonly List<RelayedCall> _relayed = [];
    private int _characters;

    /// <summary>
    /// The tool calls of the first choice go on as they came, those of kinds unknown here too. False once a piece has no index, or names
    /// its call too late or again: clients put calls together by these.
    /// </summary>
    public bool KeepsCalls { get; private set; } = true;

    /// <summary>The provider's id of the completion.</summary>
    public string? Id { get; private set; }

    /// <summary>The provider's time of creation, in Unix seconds.</summary>
    public long? Created { get; private set; }

    /// <summary>The finish reason of the first choice was written.</summary>
    public bool HasEnd { get; private set; }

    /// <summary>The provider's usage was written.</summary>
    public bool HasUsage { get; private set; }

    /// <summary>Reads the members that all frames have in common.</summary>
    public void ReadHead(JsonElement frame)
    {
        if (Id is null && frame.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String)
        {
            Id = LenientJson.Read(id) is { Length: > 0 } text ? text : null;
        }

        if (Created is null && frame.TryGetProperty("created", out var created) && created.ValueKind == JsonValueKind.Number)
        {
            Created = created.TryGetInt64(out var at) ? at : null;
        }
    }

    /// <summary>Looks at the tool calls of a frame.</summary>
    /// <param name="frame">The provider's frame.</param>
    /// <param name="asChunk">The frame goes on as a chunk, where the calls of a message would have no index.</param>
    public void ReadCalls(JsonElement frame, bool asChunk)
    {
        List<(RelayedCall Call, string Arguments)> pieces = [];
        var choices = Choices(frame).EnumerateArray().Where(choice => choice.ValueKind == JsonValueKind.Object);
        foreach (var choice in choices.Where(choice => Index(choice) == 0))
        {
            foreach (var member in choice.EnumerateObject().Where(IsDelta))
            {
                var calls = member.Value.Child("tool_calls");
                KeepsCalls &= member.Value.Child("function_call").ValueKind != JsonValueKind.Object;
                foreach (var call in calls.ValueKind == JsonValueKind.Array ? calls.EnumerateArray() : default)
                {
                    KeepsCalls &= member.NameEquals("message") ? !asChunk && IsWhole(call) : IsPiece(call, pieces);
                }
            }
        }

        foreach (var (call, arguments) in KeepsCalls ? pieces : [])
        {
            call.Take(arguments);
        }
    }

    /// <summary>What of a call has gone on as it came, by its place; null when nothing has.</summary>
    public RelayedCall? Relayed(int place) => place < _relayed.Count && _relayed[place].HasGone ? _relayed[place] : null;

    private bool IsPiece(JsonElement call, List<(RelayedCall Call, string Arguments)> pieces)
    {
        if (call.Child("index") is not { ValueKind: JsonValueKind.Number } number || !number.TryGetInt32(out var index))
        {
            return false;
        }

        var arguments = call.Child("function").Text("arguments") ?? "";
        var known = _relayed.Find(one => one.Index == index);
        if (known is null)
        {
            _relayed.Add(known = new RelayedCall(index));
            pieces.Add((known, arguments));

            // Nothing at the beginning may stand for arguments that come later.
            return IsWhole(call) && arguments.AsSpan().Trim() is not ("{}" or "null" or "\"\"");
        }

        pieces.Add((known, arguments));
        return string.IsNullOrEmpty(call.Text("id")) && string.IsNullOrEmpty(call.Child("function").Text("name"))
            && HasText(call.Child("function")) && (!known.IsComplete || string.IsNullOrWhiteSpace(arguments));
    }

    private static bool IsWhole(JsonElement call) =>
        !string.IsNullOrEmpty(call.Text("id"))
        && (call.Text("type") is not (null or "function")
            || (!string.IsNullOrEmpty(call.Child("function").Text("name")) && HasText(call.Child("function"))));

    private static bool HasText(JsonElement function) =>
        function.Child("arguments").ValueKind is JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.String;

    /// <summary>Whether the frame has usage and no choices.</summary>
    public static bool IsUsage(JsonElement frame) => Choices(frame).GetArrayLength() == 0;

    /// <summary>Writes the members of a chunk after its head.</summary>
    /// <param name="json">The chunk.</param>
    /// <param name="frame">The provider's frame.</param>
    /// <param name="withUsage">The client asked for the usage.</param>
    /// <param name="hasCalls">The first choice has tool calls.</param>
    /// <param name="rest">What a whole message adds to the pieces before it; null when there were none.</param>
    public void WriteChunk(Utf8JsonWriter json, JsonElement frame, bool withUsage, bool hasCalls, string? rest)
    {
        json.WriteStartArray("choices");
        foreach (var choice in Choices(frame).EnumerateArray())
        {
            WriteChoice(json, choice, hasCalls, rest);
        }

        json.WriteEndArray();
        foreach (var member in frame.EnumerateObject().Where(member => !OwnMembers.Contains(member.Name)))
        {
            var isUsage = member.NameEquals("usage");
            HasUsage |= isUsage && withUsage && member.Value.ValueKind == JsonValueKind.Object;
            if (!isUsage || withUsage)
            {
                member.WriteTo(json);
            }
        }
    }

    /// <summary>Merges a chunk, or a whole completion, into the one that <see cref="WriteWhole"/> writes.</summary>
    public void Merge(JsonElement frame)
    {
        foreach (var member in frame.EnumerateObject().Where(member => !OwnMembers.Contains(member.Name)))
        {
            _characters += _rest.Member(member.Name).Set(member.Value);
        }

        foreach (var choice in Choices(frame).EnumerateArray().Where(choice => choice.ValueKind == JsonValueKind.Object))
        {
            var index = Index(choice);
            if (!_choices.TryGetValue(index, out var whole))
            {
                _choices[index] = whole = new MergedJson();
            }

            foreach (var member in choice.EnumerateObject().Where(member => !member.NameEquals("index")))
            {
                _characters += member.NameEquals("message") ? SetMembers(whole.Member("message"), member.Value)
                    : member.NameEquals("delta") ? whole.Member("message").Add(member.Value)
                    : member.NameEquals("logprobs") ? whole.Member("logprobs").Add(member.Value)
                    : whole.Member(member.Name).Set(member.Value);
            }
        }

        if (_characters > MaxCharacters)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The answer is longer than this server relays.");
        }
    }

    /// <summary>Writes the members of the merged completion after its head.</summary>
    /// <param name="json">The completion.</param>
    /// <param name="calls">Writes the tool calls of the first choice; null when they are written as they came.</param>
    /// <param name="finish">The finish reason of the first choice.</param>
    public void WriteWhole(Utf8JsonWriter json, Action<Utf8JsonWriter>? calls, string finish)
    {
        json.WriteStartArray("choices");
        foreach (var (index, choice) in _choices)
        {
            json.WriteStartObject();
            json.WriteNumber("index", index);
            json.WriteStartObject("message");
            WriteMessage(json, choice.Member("message"), index == 0 ? calls : null);
            json.WriteEndObject();
            foreach (var name in (string[])["logprobs", "finish_reason"])
            {
                choice.Member(name);
            }

            foreach (var (name, member) in choice.Members!.Where(member => member.Key != "message"))
            {
                json.WritePropertyName(name);
                if (index == 0 && name == "finish_reason")
                {
                    json.WriteStringValue(finish);
                }
                else
                {
                    member.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        foreach (var (name, member) in _rest.Members ?? new Dictionary<string, MergedJson>())
        {
            HasUsage |= name == "usage" && member.Members is not null;
            if (name != "usage" || HasUsage)
            {
                json.WritePropertyName(name);
                member.WriteTo(json);
            }
        }
    }

    private static void WriteMessage(Utf8JsonWriter json, MergedJson message, Action<Utf8JsonWriter>? calls)
    {
        foreach (var name in (string[])["role", "content", "refusal"])
        {
            message.Member(name);
        }

        foreach (var (name, member) in message.Members!.Where(member => calls is null || member.Key != "tool_calls"))
        {
            json.WritePropertyName(name);
            if (name == "role")
            {
                json.WriteStringValue("assistant"); // some providers leave it out
            }
            else if (name == "tool_calls")
            {
                member.WriteTo(json, without: "index"); // the number of a piece
            }
            else
            {
                member.WriteTo(json);
            }
        }

        calls?.Invoke(json);
    }

    // A whole message says again what came in pieces; what it leaves out stays.
    private static int SetMembers(MergedJson message, JsonElement whole) => whole.ValueKind != JsonValueKind.Object
        ? message.Add(whole)
        : whole.EnumerateObject()
            .Where(member => member.Value.ValueKind != JsonValueKind.String || !member.Value.ValueEquals(""))
            .Sum(member => message.Member(member.Name).Set(member.Value) + member.Name.Length);

    private void WriteChoice(Utf8JsonWriter json, JsonElement choice, bool hasCalls, string? rest)
    {
        if (choice.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var isFirst = Index(choice) == 0;
        json.WriteStartObject();
        foreach (var member in choice.EnumerateObject())
        {
            if (isFirst && member.NameEquals("message") && rest is not null)
            {
                json.WriteStartObject("delta");
                if (rest.Length > 0)
                {
                    json.WriteString("content", rest);
                }

                json.WriteEndObject();
            }
            else if (isFirst && IsDelta(member) && member.Value.ValueKind == JsonValueKind.Object)
            {
                json.WriteStartObject("delta");
                foreach (var part in member.Value.EnumerateObject().Where(part => KeepsCalls || !part.NameEquals("tool_calls")))
                {
                    part.WriteTo(json);
                }

                json.WriteEndObject();
            }
            else if (isFirst && member.NameEquals("finish_reason") && member.Value.ValueKind == JsonValueKind.String)
            {
                // Some providers send "stop" after tool calls, but clients rely on the reason.
                HasEnd = true;
                var reason = hasCalls && member.Value.ValueEquals("stop") ? "tool_calls" : LenientJson.Read(member.Value);
                json.WriteString("finish_reason", reason);
            }
            else if (IsDelta(member))
            {
                json.WritePropertyName("delta");
                member.Value.WriteTo(json);
            }
            else
            {
                member.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    /// <summary>A whole completion has a message where a chunk has a delta.</summary>
    private static bool IsDelta(JsonProperty member) => member.NameEquals("delta") || member.NameEquals("message");

    private static int Index(JsonElement choice) =>
        choice.TryGetProperty("index", out var index) && index.ValueKind == JsonValueKind.Number && index.TryGetInt32(out var value)
            ? value
            : 0;

    private static JsonElement Choices(JsonElement frame) =>
        frame.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array ? choices : NoChoices;
}

/// <summary>A tool call whose pieces went on as they came.</summary>
/// <param name="Index">The provider's number of the call.</param>
internal sealed record RelayedCall(int Index)
{
    private readonly StringBuilder _arguments = new();
    private JsonProgress _json;

    public bool HasGone { get; private set; }

    /// <summary>The arguments are a whole object, so that what follows would break them.</summary>
    public bool IsComplete => _json.Complete;

    public void Take(string arguments)
    {
        HasGone = true;
        _arguments.Append(arguments);
        if (!_json.Complete)
        {
            _json.Read(arguments);
        }
    }

    /// <summary>What of the arguments has not gone on yet.</summary>
    public string Rest(string whole)
    {
        var said = _arguments.ToString();
        return whole.Length > said.Length && whole.StartsWith(said, StringComparison.Ordinal) ? whole[said.Length..] : "";
    }
}
