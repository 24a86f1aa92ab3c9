using System.Text;

namespace AiChat.Endpoints.Variables;

/// <summary>A file of variables that cannot be read, and the line.</summary>
internal sealed class EnvFileException(int line, string reason) : Exception($"line {line} {reason}");

/// <summary>
/// Reads the syntax of .env files as docker compose has it, without its expansion: a dollar sign is a dollar sign, so that a password with
/// one arrives whole. The last of two lines with the same name wins.
/// </summary>
internal sealed class EnvFileText
{
    private readonly string _text;
    private int _at;

    private EnvFileText(string text) => _text = text;

    /// <summary>The names and their values.</summary>
    /// <exception cref="EnvFileException">A line is not of the syntax. The message holds no value.</exception>
    public static Dictionary<string, string> Parse(string text)
    {
        var reader = new EnvFileText(text.Replace("\r\n", "\n").Replace('\r', '\n'));
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Next() is var (name, value))
        {
            values[name] = value;
        }

        return values;
    }

    private int Line => _text.AsSpan(0, Math.Min(_at, _text.Length)).Count('\n') + 1;

    private char Here => _at < _text.Length ? _text[_at] : '\n';

    /// <summary>The next assignment; null at the end.</summary>
    private (string Name, string Value)? Next()
    {
        while (true)
        {
            SkipBlanks(lines: true);
            if (_at >= _text.Length)
            {
                return null;
            }

            if (Here == '#')
            {
                SkipLine();
            }
            else if (Assignment() is { } assignment)
            {
                return assignment;
            }
        }
    }

    /// <summary>Null for a name without a value, which docker compose takes from the environment anyway.</summary>
    private (string Name, string Value)? Assignment()
    {
        const string export = "export";
        if (_text.AsSpan(_at).StartsWith(export) && _at + export.Length < _text.Length && _text[_at + export.Length] is ' ' or '\t')
        {
            _at += export.Length;
            SkipBlanks(lines: false);
        }

        var from = _at;
        while (char.IsAsciiLetterOrDigit(Here) || Here is '_' or '.' or '-')
        {
            _at++;
        }

        var name = _text[from.._at];
        SkipBlanks(lines: false);
        if (name.Length > 0 && Here is '\n' or '#')
        {
            SkipLine();
            return null;
        }

        if (name.Length == 0 || Here != '=')
        {
            throw new EnvFileException(Line, "is not of the form NAME=value");
        }

        _at++;
        var isSpaced = Here is ' ' or '\t';
        SkipBlanks(lines: false);
        return (name, Here is '"' or '\'' ? Quoted(name) : Here == '#' && isSpaced ? "" : Plain());
    }

    /// <summary>Up to the end of the line or a number sign after a blank.</summary>
    private string Plain()
    {
        var from = _at;
        while (Here != '\n' && !(Here == '#' && _at > from && _text[_at - 1] is ' ' or '\t'))
        {
            _at++;
        }

        var value = _text[from.._at].TrimEnd();
        SkipLine();
        return value;
    }

    private string Quoted(string name)
    {
        var quote = Here;
        var line = Line;
        var value = new StringBuilder();
        for (_at++; _at < _text.Length && _text[_at] != quote; _at++)
        {
            var escaped = _text[_at] == '\\' && _at + 1 < _text.Length ? Escaped(quote, _text[_at + 1]) : null;
            value.Append(escaped ?? _text[_at]);
            _at += escaped is null ? 0 : 1;
        }

        if (_at >= _text.Length)
        {
            throw new EnvFileException(line, $"opens a quotation mark ({quote}) for {name} that nothing closes");
        }

        _at++;
        SkipBlanks(lines: false);
        if (Here is not ('\n' or '#'))
        {
            throw new EnvFileException(Line, $"goes on after the closing quotation mark ({quote}) of {name}");
        }

        SkipLine();
        return value.ToString();
    }

    /// <summary>What a backslash and this sign stand for; null when they stand for themselves.</summary>
    private static char? Escaped(char quote, char sign) => sign == quote ? quote
        : quote == '\'' ? null
        : sign switch
        {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' => '\\',
            '$' => '$',
            _ => null,
        };

    private void SkipLine()
    {
        while (_at < _text.Length && _text[_at++] != '\n')
        {
        }
    }

    private void SkipBlanks(bool lines)
    {
        while (_at < _text.Length && (_text[_at] is ' ' or '\t' or '\uFEFF' or '\u00A0' || (lines && _text[_at] == '\n')))
        {
            _at++;
        }
    }
}
