using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Merges JSON that arrives in pieces, as OpenAI's own clients do: strings are concatenated, list entries with an index are merged by it,
/// other entries are appended, and members that name something keep their first value.
/// </summary>
internal sealed class MergedJson
{
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal) { "id", "type", "role", "name", "format" };

    private StringBuilder? _text;
    private OrderedDictionary<string, MergedJson>? _members;
    private List<MergedJson>? _items;
    private JsonElement _value;
    private int? _index;

    public IReadOnlyDictionary<string, MergedJson>? Members => _members;

    private bool IsText => _value.ValueKind == JsonValueKind.String;

    private bool IsSaid => _text is { Length: > 0 } || (IsText && !_value.ValueEquals(""));

    /// <summary>Adds a piece.</summary>
    /// <returns>Its size in characters.</returns>
    public int Add(JsonElement piece)
    {
        switch (piece.ValueKind)
        {
            case JsonValueKind.Undefined or JsonValueKind.Null:
                return 0;
            case JsonValueKind.String when _text is null && !IsText:
                _value = piece; // the bytes of a picture stay as they came
                return JsonMarshal.GetRawUtf8Value(piece).Length - 2;
            case JsonValueKind.String:
                _text ??= new StringBuilder(LenientJson.Read(_value));
                var text = LenientJson.Read(piece)!;
                _text.Append(text);
                return text.Length;
            case JsonValueKind.Object:
                return piece.EnumerateObject().Sum(AddMember);
            case JsonValueKind.Array:
                _items ??= [];
                return piece.EnumerateArray().Sum(AddItem);
            default:
                _value = piece;
                return 1;
        }
    }

    /// <summary>Replaces the present value; null does not.</summary>
    /// <returns>The size of the new value in characters.</returns>
    public int Set(JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return 0;
        }

        (_text, _members, _items, _value) = (null, null, null, default);
        return Add(value);
    }

    /// <summary>The member of this name, which is added when there is none.</summary>
    public MergedJson Member(string name)
    {
        _members ??= new OrderedDictionary<string, MergedJson>(StringComparer.Ordinal);
        if (!_members.TryGetValue(name, out var member))
        {
            _members[name] = member = new MergedJson();
        }

        return member;
    }

    /// <param name="json">Where to write.</param>
    /// <param name="without">A member that the objects of a list are written without.</param>
    public void WriteTo(Utf8JsonWriter json, string? without = null)
    {
        if (_text is not null)
        {
            json.WriteStringValue(_text.ToString());
        }
        else if (_members is not null)
        {
            json.WriteStartObject();
            foreach (var (name, member) in _members)
            {
                json.WritePropertyName(name);
                member.WriteTo(json);
            }

            json.WriteEndObject();
        }
        else if (_items is not null)
        {
            json.WriteStartArray();
            foreach (var item in _items)
            {
                if (without is not null)
                {
                    item._members?.Remove(without);
                }

                item.WriteTo(json);
            }

            json.WriteEndArray();
        }
        else if (_value.ValueKind != JsonValueKind.Undefined)
        {
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(_value), skipInputValidation: true);
        }
        else
        {
            json.WriteNullValue();
        }
    }

    private int AddMember(JsonProperty member)
    {
        var place = Member(member.Name);
        return member.Name.Length
            + (!Names.Contains(member.Name) ? place.Add(member.Value) : place.IsSaid ? 0 : place.Set(member.Value));
    }

    private int AddItem(JsonElement item)
    {
        int? index = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("index", out var number)
            && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var value) ? value : null;
        var place = index is null ? null : _items!.Find(known => known._index == index);
        if (place is null)
        {
            place = new MergedJson { _index = index };
            _items!.Add(place);
        }

        return place.Add(item) + 1;
    }
}
