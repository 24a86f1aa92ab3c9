using System.Text;
using System.Text.Json;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Puts a message together from the events of its stream, as the vendor's own client does, for a server that streams although it was asked
/// for the whole message.
/// </summary>
internal sealed class MessagePieces
{
    private readonly SortedDictionary<long, Block> _blocks = [];
    private readonly OrderedDictionary<string, JsonElement> _delta = [];
    private readonly OrderedDictionary<string, JsonElement> _counts = [];

    /// <summary>What the server said of the message, at its start or as a whole.</summary>
    public JsonElement Message { get; private set; }

    /// <summary>The server answered with the whole message.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>The members that came at the end of the stream.</summary>
    public IEnumerable<string> Names => _delta.Keys;

    /// <summary>The members of the usage that came at the end of the stream.</summary>
    public IReadOnlyCollection<string> Counts => _counts.Keys;

    public JsonElement? Delta(string name) => _delta.TryGetValue(name, out var value) ? value : null;

    public JsonElement Count(string name) => _counts[name];

    public void Add(string? type, JsonElement frame)
    {
        switch (type)
        {
            case "message":
                (Message, IsWhole) = (frame, true);
                break;
            case "message_start":
                Message = frame.Child("message");
                break;
            case "content_block_start":
                _blocks[Index(frame)] = new Block(frame.Child("content_block"));
                break;
            case "content_block_delta" when _blocks.TryGetValue(Index(frame), out var block):
                block.Add(frame.Child("delta"));
                break;
            case "content_block_stop" when _blocks.TryGetValue(Index(frame), out var block):
                block.Check();
                break;
            case "message_delta":
                foreach (var member in frame.EnumerateObject())
                {
                    Take(member);
                }

                break;
        }
    }

    public void WriteContent(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (var block in _blocks.Values)
        {
            block.Write(json);
        }

        json.WriteEndArray();
    }

    private static long Index(JsonElement frame) =>
        frame.Child("index") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var index) ? index : 0;

    private void Take(JsonProperty member)
    {
        if (member.NameEquals("type"))
        {
            return;
        }

        var into = member.NameEquals("usage") ? _counts : _delta;
        if ((member.NameEquals("usage") || member.NameEquals("delta")) && member.Value.ValueKind == JsonValueKind.Object)
        {
            // A later null keeps what was said.
            foreach (var part in member.Value.EnumerateObject().Where(part => part.Value.ValueKind != JsonValueKind.Null))
            {
                into[part.Name] = part.Value;
            }
        }
        else if (member.Value.ValueKind != JsonValueKind.Null)
        {
            into[member.Name] = member.Value;
        }
    }

    private sealed class Block(JsonElement start)
    {
        private readonly OrderedDictionary<string, StringBuilder> _texts = [];
        private readonly OrderedDictionary<string, JsonElement> _values = [];
        private readonly List<JsonElement> _citations = [];
        private StringBuilder? _input;

        public void Add(JsonElement delta)
        {
            switch (delta.Text("type"))
            {
                case "input_json_delta":
                    (_input ??= new StringBuilder()).Append(delta.Text("partial_json"));
                    break;
                case "citations_delta":
                    _citations.Add(delta.Child("citation"));
                    break;
                default:
                    foreach (var member in delta.ValueKind == JsonValueKind.Object ? delta.EnumerateObject() : default)
                    {
                        Add(member);
                    }

                    break;
            }
        }

        /// <exception cref="ProviderException">The input of a call is not JSON.</exception>
        public void Check()
        {
            try
            {
                using var input = _input is { Length: > 0 } text ? JsonDocument.Parse(text.ToString()) : null;
            }
            catch (JsonException error)
            {
                throw new ProviderException(ProviderFailure.Protocol, "The model wrote a tool call that is not JSON.", inner: error)
                {
                    HasAnswered = true,
                };
            }
        }

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            foreach (var member in start.ValueKind == JsonValueKind.Object ? start.EnumerateObject() : default)
            {
                if (!_texts.ContainsKey(member.Name) && !_values.ContainsKey(member.Name)
                    && !(member.NameEquals("input") && _input is { Length: > 0 })
                    && !(member.NameEquals("citations") && _citations.Count > 0))
                {
                    RequestBody.WriteRaw(json, member);
                }
            }

            foreach (var (name, text) in _texts)
            {
                json.WriteString(name, text.ToString());
            }

            foreach (var (name, value) in _values)
            {
                json.WritePropertyName(name);
                RequestBody.WriteRaw(json, value);
            }

            if (_input is { Length: > 0 })
            {
                json.WritePropertyName("input");
                json.WriteRawValue(_input.ToString());
            }

            if (_citations.Count > 0)
            {
                json.WriteStartArray("citations");
                _citations.ForEach(citation => RequestBody.WriteRaw(json, citation));
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        // Text grows; a signature is whole where it comes again.
        private void Add(JsonProperty member)
        {
            if (member.NameEquals("type"))
            {
                return;
            }

            if (LenientJson.Read(member.Value) is not { } piece)
            {
                _values[member.Name] = member.Value;
                return;
            }

            if (!_texts.TryGetValue(member.Name, out var text))
            {
                _texts[member.Name] = text = new StringBuilder(start.Text(member.Name));
            }

            if (member.NameEquals("signature") && piece.StartsWith(text.ToString(), StringComparison.Ordinal))
            {
                text.Clear();
            }

            text.Append(piece);
        }
    }
}
